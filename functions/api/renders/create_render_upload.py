"""POST /projects/{project_id}/renders/{job_id}/upload-url: where to PUT the output (seed 000). Called by desks.

The object's name is fixed by job and attempt; a ``filename`` in the body is accepted and has no effect. Who asks again
starts again: what an earlier ticket left is removed.
"""

from functions.auth import JobCaller
from functions.domain.renders import RENDERS, RenderRecord, output_path
from functions.endpoint import endpoint
from functions.errors import IllegalState, TooLarge
from functions.ports import Services, Transaction
from functions.store import render_as_holder
from functions.uploads import issue_upload
from schemas.ids import JobId, ProjectId
from schemas.uploads import UploadRequest, UploadTicket


@endpoint("POST /projects/{project_id}/renders/{job_id}/upload-url")
def create_render_upload(
    project_id: ProjectId, job_id: JobId, body: UploadRequest, caller: JobCaller, services: Services
) -> UploadTicket:
    """Issue a signed URL for the current attempt's output."""
    limit = services.settings.max_output_bytes
    if body.size_bytes is not None and body.size_bytes > limit:
        raise TooLarge(f"An output is at most {limit} bytes.")

    def issue(tx: Transaction) -> RenderRecord:
        job = render_as_holder(tx, project_id, job_id, caller, services)
        if job.final:
            raise IllegalState(f"The job is {job.status} and takes no upload.")
        issued = job.changed(output_path=output_path(job))
        tx.put(RENDERS, job_id, issued.dump())
        return issued

    job = services.documents.transaction(issue)
    # A sized URL never replaces: what nobody accepted would be in the way for ever.
    services.objects.delete(output_path(job))
    return issue_upload(services, output_path(job), body, max_bytes=limit, default_content_type=job.content_type)
