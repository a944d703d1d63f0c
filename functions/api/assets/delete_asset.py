"""DELETE /projects/{project_id}/assets/{asset_id}. Called by people and agents.

A render that was created with it fails with ``asset_missing`` on desks that do not have it.
"""

from functions.auth import User
from functions.domain.assets import ASSETS
from functions.endpoint import endpoint
from functions.ports import Services, Transaction
from functions.store import asset_of
from schemas.ids import AssetId, ProjectId
from schemas.message import Deleted


@endpoint("DELETE /projects/{project_id}/assets/{asset_id}")
def delete_asset(project_id: ProjectId, asset_id: AssetId, caller: User, services: Services) -> Deleted:
    """Delete an asset and its bytes."""
    asset = asset_of(services.documents, project_id, asset_id, caller)
    # Bytes first: if this dies in between, the record is still there to delete again.
    services.objects.delete(asset.object_name)

    def delete(tx: Transaction) -> None:
        tx.delete(ASSETS, asset_id)

    services.documents.transaction(delete)
    # Once more: an upload may have ended while its record was still there.
    services.objects.delete(asset.object_name)
    return Deleted()
