"""GET /projects/{project_id}: one project. Called by people and agents."""

from functions.auth import User
from functions.endpoint import endpoint
from functions.ports import Services
from functions.store import project_of
from schemas.ids import ProjectId
from schemas.projects import ProjectAnswer


@endpoint("GET /projects/{project_id}")
def get_project(project_id: ProjectId, caller: User, services: Services) -> ProjectAnswer:
    """Show a project."""
    return ProjectAnswer(**vars(project_of(services.documents, project_id, caller).view()))
