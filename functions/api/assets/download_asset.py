"""GET /projects/{project_id}/assets/{asset_id}/download: a signed URL (seed 000). Called by people and desks."""

from functions.auth import User
from functions.endpoint import endpoint
from functions.errors import IllegalState
from functions.ports import Services
from functions.store import asset_of
from functions.uploads import issue_download
from schemas.assets import AssetStatus
from schemas.ids import AssetId, ProjectId
from schemas.uploads import DownloadTicket


@endpoint("GET /projects/{project_id}/assets/{asset_id}/download")
def download_asset(project_id: ProjectId, asset_id: AssetId, caller: User, services: Services) -> DownloadTicket:
    """Issue a signed URL to download an asset."""
    asset = asset_of(services.documents, project_id, asset_id, caller)
    if asset.status is not AssetStatus.READY:
        raise IllegalState("The asset is pending: its upload was not completed.")
    return issue_download(services, asset.object_name, asset.asset_name)
