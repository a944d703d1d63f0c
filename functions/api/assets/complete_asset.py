"""POST /projects/{project_id}/assets/{asset_id}/complete: step three; the server looks at the object itself.

Called by whoever uploaded it. Completing twice changes nothing. Bytes that are not as announced are removed.
"""

from functions.auth import User
from functions.domain.assets import ASSETS, AssetRecord
from functions.endpoint import endpoint
from functions.errors import UploadMismatch
from functions.ports import Services, Transaction
from functions.store import asset_of
from functions.uploads import check_upload
from schemas.assets import AssetAnswer, AssetStatus, CompleteAsset
from schemas.ids import AssetId, ProjectId


@endpoint("POST /projects/{project_id}/assets/{asset_id}/complete")
def complete_asset(
    project_id: ProjectId, asset_id: AssetId, body: CompleteAsset, caller: User, services: Services
) -> AssetAnswer:
    """Make an uploaded asset ready."""
    pending = asset_of(services.documents, project_id, asset_id, caller)
    found = services.objects.stat(pending.object_name)
    try:
        info = check_upload(found, size_bytes=pending.declared_size_bytes, crc32c=pending.declared_crc32c)
        check_upload(info, size_bytes=body.size_bytes, crc32c=body.crc32c)
    except UploadMismatch:
        if pending.status is AssetStatus.PENDING:
            # A sized URL never replaces: with these in the way the right bytes could not be sent.
            services.objects.delete(pending.object_name)
        raise

    def complete(tx: Transaction) -> AssetRecord:
        asset = asset_of(tx, project_id, asset_id, caller)
        if asset.status is AssetStatus.READY:
            return asset
        ready = asset.changed(
            status=AssetStatus.READY,
            size_bytes=info.size_bytes,
            crc32c=info.crc32c,
            sha256=body.sha256,
            uploaded_at=services.clock(),
        )
        tx.put(ASSETS, asset_id, ready.dump())
        return ready

    return AssetAnswer(asset=services.documents.transaction(complete).view())
