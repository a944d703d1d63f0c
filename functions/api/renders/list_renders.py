"""GET /projects/{project_id}/renders (seed 000). Called by people and agents."""

from functions.auth import User
from functions.domain.renders import RENDERS, RenderRecord
from functions.endpoint import endpoint
from functions.ports import Services, Where
from functions.store import project_of
from schemas.ids import ProjectId
from schemas.renders import ListRenders, RenderList


@endpoint("GET /projects/{project_id}/renders")
def list_renders(project_id: ProjectId, query: ListRenders, caller: User, services: Services) -> RenderList:
    """List a project's renders, newest first, of one status if asked."""
    project_of(services.documents, project_id, caller)
    where = [Where("project_id", "==", project_id)]
    if query.status is not None:
        where.append(Where("status", "==", query.status.value))
    found = services.documents.query(
        RENDERS, *where, order_by="created_at", descending=True, limit=query.limit, offset=query.offset
    )
    return RenderList(
        jobs=[RenderRecord.load(document).view() for document in found],
        total=services.documents.count(RENDERS, *where),
    )
