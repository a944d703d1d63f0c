"""GET /projects/{project_id}/assets/{asset_id}. Called by people, agents and desks."""

from functions.auth import User
from functions.endpoint import endpoint
from functions.ports import Services
from functions.store import asset_of
from schemas.assets import AssetAnswer
from schemas.ids import AssetId, ProjectId


@endpoint("GET /projects/{project_id}/assets/{asset_id}")
def get_asset(project_id: ProjectId, asset_id: AssetId, caller: User, services: Services) -> AssetAnswer:
    """Show an asset."""
    return AssetAnswer(asset=asset_of(services.documents, project_id, asset_id, caller).view())
