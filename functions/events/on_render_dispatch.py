"""A cloud render waits: start a Cloud Run execution for it. Woken by ``render-dispatch``; safe to be woken twice."""

import secrets

from functions.auth import hash_token
from functions.domain.jobs import move
from functions.domain.renders import RENDERS, RenderRecord, await_execution
from functions.ports import Services, Transaction
from functions.trigger import on_message
from schemas.events import RenderDispatch, Topic
from schemas.jobs import JobStatus


@on_message(Topic.RENDER_DISPATCH)
def on_render_dispatch(message: RenderDispatch, services: Services) -> None:
    """Start one execution that may claim the job.

    The job is offered first, so that the execution finds it however fast it starts. If this function dies in between,
    nobody claims, and ``expire_leases`` sends for another execution after the deadline.
    """
    token = f"claim_{secrets.token_urlsafe(32)}"

    def offer(tx: Transaction) -> bool:
        document = tx.get(RENDERS, message.job_id)
        if document is None or document["status"] != JobStatus.PENDING:
            return False
        offered = await_execution(RenderRecord.load(document), hash_token(token), now=services.clock())
        tx.put(RENDERS, message.job_id, offered.dump())
        return True

    if not services.documents.transaction(offer):
        return
    try:
        execution_id = services.launcher.launch(job_id=message.job_id, project_id=message.project_id, claim_token=token)
    except Exception:
        _withdraw(services, message.job_id, token)
        raise
    if not _note_execution(services, message.job_id, token, execution_id):
        services.launcher.cancel(execution_id)


def _awaiting(tx: Transaction, job_id: str, token: str) -> RenderRecord | None:
    """The job, if it is still the one that the execution with ``token`` was started for."""
    document = tx.get(RENDERS, job_id)
    job = RenderRecord.load(document) if document else None
    return job if job and not job.final and job.claim_token_sha256 == hash_token(token) else None


def _withdraw(services: Services, job_id: str, token: str) -> None:
    def withdraw(tx: Transaction) -> None:
        job = _awaiting(tx, job_id, token)
        # An answer that was lost may hide an execution that did start: what it has claimed is its own.
        if job is not None and job.status is JobStatus.QUEUED:
            detail = "no execution could be started"
            pending = move(job, JobStatus.PENDING, now=services.clock(), actor="system", detail=detail)
            tx.put(RENDERS, job_id, pending.requeued().dump())

    services.documents.transaction(withdraw)


def _note_execution(services: Services, job_id: str, token: str, execution_id: str) -> bool:
    def note(tx: Transaction) -> bool:
        job = _awaiting(tx, job_id, token)
        if job is not None:
            tx.put(RENDERS, job_id, job.changed(cloud_run_execution_id=execution_id).dump())
        return job is not None

    return services.documents.transaction(note)
