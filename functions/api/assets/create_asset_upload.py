"""POST /projects/{project_id}/assets/upload-url: step one of three, for any size. Called by people and desks."""

from functions.auth import User
from functions.domain import assets
from functions.domain.assets import ASSETS, AssetRecord
from functions.endpoint import endpoint
from functions.errors import TooLarge
from functions.ports import Services, Transaction
from functions.request_body import RequestKey
from functions.store import already_created, project_of
from functions.uploads import issue_upload
from schemas.assets import AssetStatus, AssetUploadRequest, AssetUploadTicket
from schemas.ids import ProjectId


@endpoint("POST /projects/{project_id}/assets/upload-url")
def create_asset_upload(
    project_id: ProjectId, body: AssetUploadRequest, caller: User, request_key: RequestKey, services: Services
) -> AssetUploadTicket:
    """Issue a signed URL bound to the file's name, type and size; the asset is pending until it is completed."""
    limit = services.settings.max_asset_bytes
    if body.size_bytes > limit:
        raise TooLarge(f"An asset is at most {limit} bytes.")
    asset = AssetRecord(
        asset_id=request_key.new_id,
        project_id=project_id,
        asset_name=body.filename,
        asset_type=body.content_type,
        object_name=assets.object_name(project_id, request_key.new_id, body.filename),
        bucket=services.objects.bucket,
        status=AssetStatus.PENDING,
        declared_size_bytes=body.size_bytes,
        declared_crc32c=body.crc32c,
        created_by=caller.user_id,
        created_at=services.clock(),
        request_fingerprint=request_key.fingerprint,
    )

    def create(tx: Transaction) -> AssetRecord:
        project_of(tx, project_id, caller)
        if existing := already_created(tx, ASSETS, request_key, AssetRecord):
            return existing
        tx.put(ASSETS, asset.asset_id, asset.dump())
        return asset

    created = services.documents.transaction(create)
    if created is not asset and created.status is AssetStatus.PENDING:
        # A sized URL never replaces: what an earlier ticket left would be in the way for ever.
        services.objects.delete(created.object_name)
    if created.status is AssetStatus.READY:
        # Nothing is left to send: a PUT is told so, where a session could not even start.
        body = body.model_copy(update={"resumable": False})
    ticket = issue_upload(services, created.object_name, body, max_bytes=limit)
    return AssetUploadTicket(asset_id=created.asset_id, **vars(ticket))
