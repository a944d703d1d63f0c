"""GET /projects/{project_id}/outputs/{video_id}/download: a signed URL. Called by people and agents."""

from pathlib import PurePosixPath

from functions.auth import User
from functions.domain.outputs import OUTPUTS, OutputRecord
from functions.endpoint import endpoint
from functions.errors import NotFound
from functions.ports import Services
from functions.store import project_of
from functions.uploads import check_unchanged, issue_download
from schemas.ids import ProjectId, VideoId
from schemas.uploads import DownloadTicket


@endpoint("GET /projects/{project_id}/outputs/{video_id}/download")
def download_output(project_id: ProjectId, video_id: VideoId, caller: User, services: Services) -> DownloadTicket:
    """Issue a signed URL to download a shared output."""
    project_of(services.documents, project_id, caller)
    document = services.documents.get(OUTPUTS, video_id)
    if document is None or document["project_id"] != project_id:
        raise NotFound(f"There is no output {video_id} in this project.")
    output = OutputRecord.load(document)
    check_unchanged(services, output.object_name, crc32c=output.crc32c, created_at=output.object_created_at)
    return issue_download(services, output.object_name, PurePosixPath(output.object_name).name)
