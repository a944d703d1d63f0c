"""A cloud render waits: start a Cloud Run execution for it. Woken by ``render-dispatch``; safe to be woken twice."""

import secrets

from functions.auth import hash_token
from functions.domain.jobs import move
from functions.domain.renders import RENDERS, RenderRecord
from functions.ports import Services, Transaction
from functions.trigger import on_message
from schemas.events import RenderDispatch, Topic
from schemas.jobs import JobStatus


@on_message(Topic.RENDER_DISPATCH)
def on_render_dispatch(message: RenderDispatch, services: Services) -> None:
    """Start one execution that may claim the job.

    The execution is started first: an execution without a job ends at once, a job without an execution waits for ever.
    """
    document = services.documents.get(RENDERS, message.job_id)
    if document is None or document["status"] != JobStatus.PENDING:
        return
    token = f"claim_{secrets.token_urlsafe(32)}"
    execution_id = services.launcher.launch(job_id=message.job_id, project_id=message.project_id, claim_token=token)

    def offer(tx: Transaction) -> bool:
        current = tx.get(RENDERS, message.job_id)
        if current is None or current["status"] != JobStatus.PENDING:
            return False
        job = move(RenderRecord.load(current), JobStatus.QUEUED, now=services.clock(), actor="system")
        job = job.changed(cloud_run_execution_id=execution_id, claim_token_sha256=hash_token(token))
        tx.put(RENDERS, message.job_id, job.dump())
        return True

    if not services.documents.transaction(offer):
        services.launcher.cancel(execution_id)
