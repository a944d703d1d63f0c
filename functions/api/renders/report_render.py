"""POST /projects/{project_id}/renders/{job_id}/webhook: progress and result (seed 000). Called by desks.

Idempotent and monotonic; ``completed`` counts only when the object is there and is what was reported; what is
not is removed, so that it can be uploaded again.
"""

from functions.auth import JobCaller
from functions.domain import outbox
from functions.domain.outbox import OutboxRecord
from functions.domain.renders import RenderRecord, apply_report
from functions.endpoint import endpoint
from functions.errors import InvalidRequest, UploadMismatch, UploadMissing
from functions.ports import ObjectInfo, Services, Transaction
from functions.store import announce, put_render, render_as_holder, render_of
from functions.uploads import check_upload, gcs_path
from schemas.errors import FieldError
from schemas.ids import JobId, ProjectId
from schemas.jobs import JobStatus
from schemas.renders import RenderProgress, ReportAnswer


@endpoint("POST /projects/{project_id}/renders/{job_id}/webhook")
def report_render(
    project_id: ProjectId, job_id: JobId, body: RenderProgress, caller: JobCaller, services: Services
) -> ReportAnswer:
    """Take a report of the job's holder."""
    if body.job_id != job_id:
        raise InvalidRequest("Job ID mismatch", errors=[FieldError(pointer="/job_id", message="differs from the path")])
    completing = body.status is JobStatus.COMPLETED
    uploaded = _uploaded(services, project_id, job_id) if completing else None

    def report(tx: Transaction) -> tuple[RenderRecord, list[OutboxRecord]]:
        job = render_as_holder(tx, project_id, job_id, caller, services, attempt=body.attempt)
        reported = apply_report(job, body, now=services.clock())
        if reported is job:
            return job, []
        if completing:
            reported = _with_output(reported, body, uploaded, services)
        return reported, put_render(tx, reported, outbox.offer(reported, now=services.clock()))

    try:
        job, messages = services.documents.transaction(report)
    except UploadMismatch:
        if uploaded is not None:
            services.objects.delete(uploaded.name)
        raise
    announce(services, messages)
    return ReportAnswer(status=job.status, cancel_requested=job.cancel_requested, lease_expires_at=job.lease_expires_at)


def _uploaded(services: Services, project_id: str, job_id: str) -> ObjectInfo | None:
    # Looked up before the transaction, which may run several times; its name is compared again inside.
    name = render_of(services.documents, project_id, job_id).output_path
    return services.objects.stat(name) if name else None


def _with_output(
    job: RenderRecord, report: RenderProgress, uploaded: ObjectInfo | None, services: Services
) -> RenderRecord:
    if job.output_path is None:
        raise UploadMissing("No upload URL was issued to this attempt: ask upload-url and PUT the output there.")
    expected = gcs_path(services, job.output_path)
    if report.output_url not in {None, expected}:
        raise InvalidRequest(
            "This is not a path that upload-url issued to this attempt.",
            errors=[FieldError(pointer="/output_url", message="was never issued")],
        )
    info = check_upload(
        uploaded if uploaded and uploaded.name == job.output_path else None,
        size_bytes=report.output_size_bytes,
        crc32c=report.output_crc32c,
        max_bytes=services.settings.max_output_bytes,
    )
    return job.changed(
        output_url=expected,
        output_size_bytes=info.size_bytes,
        output_crc32c=info.crc32c,
        output_created_at=info.created_at,
    )
