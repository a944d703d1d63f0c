"""POST /projects/{project_id}/outputs: the next version of the project's video (seed 000). Called by desks.

Only an object that upload-url issued to this project, and that exists, counts. Registering it twice gives the same
version.
"""

import json

from functions.auth import User
from functions.domain import outputs
from functions.domain.outputs import ISSUED_OUTPUTS, OUTPUTS, IssuedOutput, OutputRecord
from functions.domain.projects import PROJECTS
from functions.endpoint import endpoint
from functions.errors import InvalidRequest, UploadMissing
from functions.ports import Services, Transaction
from functions.store import project_of
from functions.uploads import check_upload
from schemas.errors import FieldError
from schemas.ids import ProjectId
from schemas.outputs import OutputAnswer, RegisterOutput


@endpoint("POST /projects/{project_id}/outputs")
def register_output(project_id: ProjectId, body: RegisterOutput, caller: User, services: Services) -> OutputAnswer:
    """Register an uploaded output."""
    project_of(services.documents, project_id, caller)
    issued = _issued(project_id, body.gcs_path, services)
    info = check_upload(services.objects.stat(issued.object_name), max_bytes=services.settings.max_output_bytes)
    video_id = outputs.video_id(issued.object_name)

    def register(tx: Transaction) -> OutputRecord:
        project = project_of(tx, project_id, caller)
        if existing := tx.get(OUTPUTS, video_id):
            return OutputRecord.load(existing)
        now = services.clock()
        output = OutputRecord(
            video_id=video_id,
            project_id=project_id,
            object_name=issued.object_name,
            video_url=body.gcs_path,
            version=project.output_version + 1,
            size_bytes=info.size_bytes,
            crc32c=info.crc32c,
            object_created_at=info.created_at,
            changes_json=json.dumps(body.changes),
            created_by=caller.user_id,
            created_at=now,
        )
        tx.put(OUTPUTS, video_id, output.dump())
        tx.put(PROJECTS, project_id, project.changed(output_version=output.version, updated_at=now).dump())
        return output

    return OutputAnswer(**vars(services.documents.transaction(register).view()))


def _issued(project_id: str, gcs_path: str, services: Services) -> IssuedOutput:
    name = gcs_path.removeprefix(f"gs://{services.objects.bucket}/")
    known = outputs.could_be_issued(name)
    document = services.documents.get(ISSUED_OUTPUTS, outputs.issued_id(name)) if known else None
    if document is None or document["object_name"] != name or document["project_id"] != project_id:
        raise InvalidRequest(
            "This is not a path that outputs/upload-url issued to this project.",
            errors=[FieldError(pointer="/gcs_path", message="was never issued")],
        )
    issued = IssuedOutput.load(document)
    if issued.expires_at <= services.clock():
        raise UploadMissing("The path was issued too long ago: ask upload-url again and PUT the bytes there.")
    return issued
