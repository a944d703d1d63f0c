"""GET /projects/{project_id}/renders/{job_id}/download: a signed URL of the finished output. Called by people."""

from functions.auth import User
from functions.endpoint import endpoint
from functions.errors import IllegalState
from functions.ports import Services
from functions.store import render_for
from functions.uploads import check_unchanged, issue_download
from schemas.ids import JobId, ProjectId
from schemas.jobs import JobStatus
from schemas.uploads import DownloadTicket


@endpoint("GET /projects/{project_id}/renders/{job_id}/download")
def download_render(project_id: ProjectId, job_id: JobId, caller: User, services: Services) -> DownloadTicket:
    """Issue a signed URL to download a completed render."""
    job = render_for(services.documents, project_id, job_id, caller)
    if job.status is not JobStatus.COMPLETED or job.output_path is None:
        raise IllegalState(f"The job is {job.status}; there is an output once it is completed.")
    check_unchanged(services, job.output_path, crc32c=job.output_crc32c, created_at=job.output_created_at)
    return issue_download(services, job.output_path, job.output_filename)
