"""GET /projects/{project_id}/assets (seed 000). Called by people, agents and desks."""

from functions.auth import User
from functions.domain.assets import ASSETS, AssetRecord
from functions.endpoint import endpoint
from functions.ports import Services, Where
from functions.store import project_of
from schemas.assets import AssetList
from schemas.ids import ProjectId
from schemas.message import Page


@endpoint("GET /projects/{project_id}/assets")
def list_assets(project_id: ProjectId, query: Page, caller: User, services: Services) -> AssetList:
    """List a project's assets, newest first."""
    project_of(services.documents, project_id, caller)
    here = Where("project_id", "==", project_id)
    found = services.documents.query(
        ASSETS, here, order_by="created_at", descending=True, limit=query.limit, offset=query.offset
    )
    return AssetList(
        assets=[AssetRecord.load(document).view() for document in found],
        total=services.documents.count(ASSETS, here),
    )
