"""POST /projects/{project_id}/outputs/upload-url: where to PUT a local render to share (seed 000). Called by desks."""

import uuid
from datetime import timedelta

from functions.auth import User
from functions.domain import outputs
from functions.domain.outputs import ISSUED_OUTPUTS, IssuedOutput
from functions.endpoint import endpoint
from functions.errors import TooLarge
from functions.ports import RESUMABLE_SECONDS, Services, Transaction
from functions.store import project_of
from functions.uploads import issue_upload
from schemas.ids import ProjectId
from schemas.outputs import OutputUploadRequest
from schemas.uploads import UploadTicket


@endpoint("POST /projects/{project_id}/outputs/upload-url")
def create_output_upload(
    project_id: ProjectId, body: OutputUploadRequest, caller: User, services: Services
) -> UploadTicket:
    """Issue a signed URL for a shared output."""
    limit = services.settings.max_output_bytes
    if body.size_bytes is not None and body.size_bytes > limit:
        raise TooLarge(f"An output is at most {limit} bytes.")
    now = services.clock()
    name = outputs.object_name(project_id, body.filename, unique=uuid.uuid4().hex, now=now)
    issued = IssuedOutput(
        object_name=name,
        project_id=project_id,
        created_by=caller.user_id,
        created_at=now,
        expires_at=now + timedelta(seconds=RESUMABLE_SECONDS),
    )

    def record(tx: Transaction) -> None:
        project_of(tx, project_id, caller)
        tx.put(ISSUED_OUTPUTS, outputs.issued_id(name), issued.dump())

    services.documents.transaction(record)
    return issue_upload(services, name, body, max_bytes=limit)
