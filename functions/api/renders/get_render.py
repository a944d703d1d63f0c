"""GET /projects/{project_id}/renders/{job_id}: the job with its event trail (seed 000: poll status)."""

from functions.auth import User
from functions.endpoint import endpoint
from functions.ports import Services
from functions.store import render_for
from schemas.ids import JobId, ProjectId
from schemas.renders import RenderAnswer


@endpoint("GET /projects/{project_id}/renders/{job_id}")
def get_render(project_id: ProjectId, job_id: JobId, caller: User, services: Services) -> RenderAnswer:
    """Show a render job."""
    return RenderAnswer(job=render_for(services.documents, project_id, job_id, caller).view())
