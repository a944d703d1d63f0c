"""GET /projects/{project_id}/outputs. Called by people and agents."""

from functions.auth import User
from functions.domain.outputs import OUTPUTS, OutputRecord
from functions.endpoint import endpoint
from functions.ports import Services, Where
from functions.store import project_of
from schemas.ids import ProjectId
from schemas.message import Page
from schemas.outputs import OutputList


@endpoint("GET /projects/{project_id}/outputs")
def list_outputs(project_id: ProjectId, query: Page, caller: User, services: Services) -> OutputList:
    """List a project's shared outputs, newest version first."""
    project_of(services.documents, project_id, caller)
    here = Where("project_id", "==", project_id)
    found = services.documents.query(
        OUTPUTS, here, order_by="created_at", descending=True, limit=query.limit, offset=query.offset
    )
    return OutputList(
        outputs=[OutputRecord.load(document).view() for document in found],
        total=services.documents.count(OUTPUTS, here),
    )
