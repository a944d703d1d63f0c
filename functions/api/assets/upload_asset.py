"""POST /projects/{project_id}/assets: a small media file as multipart/form-data, field ``file`` (seed 000).

Called by people and agents. Larger files than Google lets through a function go by upload-url.
"""

from functions.auth import User
from functions.domain import assets
from functions.domain.assets import ASSETS, AssetRecord
from functions.endpoint import Deployment, endpoint
from functions.ports import Services, Transaction
from functions.request_body import FormFile, RequestKey
from functions.store import already_created, asset_of, project_of
from schemas.assets import AssetAnswer, AssetStatus
from schemas.ids import ProjectId


@endpoint(
    "POST /projects/{project_id}/assets", deployment=Deployment(memory_mb=512, concurrency=4, timeout_seconds=300)
)
def upload_asset(
    project_id: ProjectId, file: FormFile, caller: User, request_key: RequestKey, services: Services
) -> AssetAnswer:
    """Store an uploaded file as an asset that is ready at once."""
    asset = AssetRecord(
        asset_id=request_key.new_id,
        project_id=project_id,
        asset_name=file.file_name,
        asset_type=file.content_type,
        object_name=assets.object_name(project_id, request_key.new_id, file.file_name),
        bucket=services.objects.bucket,
        status=AssetStatus.PENDING,
        declared_size_bytes=file.size_bytes,
        created_by=caller.user_id,
        created_at=services.clock(),
        request_fingerprint=request_key.fingerprint,
    )

    # The record first: it keeps a reused key from overwriting the bytes of another request, and the event of the
    # written object finds it.
    def create(tx: Transaction) -> AssetRecord:
        project_of(tx, project_id, caller)
        if existing := already_created(tx, ASSETS, request_key, AssetRecord):
            return existing
        tx.put(ASSETS, asset.asset_id, asset.dump())
        return asset

    created = services.documents.transaction(create)
    if created.status is AssetStatus.READY:
        return AssetAnswer(asset=created.view())
    stored = services.objects.write(created.object_name, file.data, content_type=file.content_type)

    def complete(tx: Transaction) -> AssetRecord:
        ready = asset_of(tx, project_id, created.asset_id, caller).changed(
            status=AssetStatus.READY,
            size_bytes=stored.size_bytes,
            crc32c=stored.crc32c,
            sha256=file.sha256,
            uploaded_at=services.clock(),
        )
        tx.put(ASSETS, ready.asset_id, ready.dump())
        return ready

    return AssetAnswer(asset=services.documents.transaction(complete).view())
