"""POST /projects/{project_id}/renders/{job_id}/cancel. Called by people and agents.

At once when nobody works on it; otherwise the worker is told (doorbell and heartbeat) and reports ``cancelled``.
A repeated cancel changes nothing.
"""

from functions.auth import User
from functions.domain import jobs, outbox
from functions.domain.outbox import OutboxRecord
from functions.domain.renders import RenderRecord
from functions.endpoint import endpoint
from functions.ports import Services, Transaction
from functions.store import announce, put_render, render_for
from schemas.events import DoorbellReason
from schemas.ids import JobId, ProjectId
from schemas.renders import CancelRender, RenderAnswer


@endpoint("POST /projects/{project_id}/renders/{job_id}/cancel")
def cancel_render(
    project_id: ProjectId, job_id: JobId, body: CancelRender, caller: User, services: Services
) -> RenderAnswer:
    """Cancel a render job."""
    now = services.clock()

    def cancel(tx: Transaction) -> tuple[RenderRecord, list[OutboxRecord]]:
        job = render_for(tx, project_id, job_id, caller)
        cancelled = jobs.cancel(job, now=now, actor=f"user:{caller.user_id}", reason=body.reason)
        if cancelled is job:
            return job, []
        return cancelled, put_render(tx, cancelled, outbox.doorbells(job, DoorbellReason.CANCEL_REQUESTED, now=now))

    job, messages = services.documents.transaction(cancel)
    announce(services, messages)
    if job.final and job.cloud_run_execution_id is not None:
        services.launcher.cancel(job.cloud_run_execution_id)
    return RenderAnswer(job=job.view())
