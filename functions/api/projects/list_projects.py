"""GET /projects: the caller's projects. Called by people and agents."""

from functions.auth import User
from functions.domain.projects import PROJECTS, ProjectRecord
from functions.endpoint import endpoint
from functions.ports import Services, Where
from schemas.message import Page
from schemas.projects import ProjectList


@endpoint("GET /projects")
def list_projects(query: Page, caller: User, services: Services) -> ProjectList:
    """List the projects the caller owns or belongs to, newest first."""
    mine = Where("people", "contains", caller.user_id)
    found = services.documents.query(
        PROJECTS, mine, order_by="created_at", descending=True, limit=query.limit, offset=query.offset
    )
    return ProjectList(
        projects=[ProjectRecord.load(document).view() for document in found],
        total=services.documents.count(PROJECTS, mine),
    )
