"""Takes renders from who let their time run out. Called by the schedule and by heartbeats that look for work."""

import logging

from functions.domain import outbox
from functions.domain.jobs import expire
from functions.domain.outbox import OutboxRecord
from functions.domain.renders import RENDERS, RenderRecord
from functions.ports import Services, Transaction, Where
from functions.store import announce, put_render

logger = logging.getLogger(__name__)


def expire_renders(services: Services, *where: Where, limit: int) -> None:
    """Requeue, fail or cancel the renders whose time ran out, the longest overdue first."""
    overdue = Where("lease_expires_at", "<=", services.clock())
    for document in services.documents.query(RENDERS, *where, overdue, order_by="lease_expires_at", limit=limit):
        job_id = document["job_id"]
        try:
            if _expire(services, job_id):
                logger.info("The lease ran out", extra={"event": "lease_expired", "job_id": job_id})
        except Exception:
            # The others must not wait for this one; it comes again next time.
            logger.exception("Not expired", extra={"event": "lease_expiry_failed", "job_id": job_id})


def _expire(services: Services, job_id: str) -> bool:
    def take_back(tx: Transaction) -> tuple[str | None, list[OutboxRecord]] | None:
        document = tx.get(RENDERS, job_id)
        if document is None:
            return None
        job, now = RenderRecord.load(document), services.clock()
        expired = expire(job, now=now, max_losses=services.settings.max_attempts)
        if expired is job:
            return None
        return job.cloud_run_execution_id, put_render(tx, expired, outbox.offer(expired, now=now))

    taken = services.documents.transaction(take_back)
    if taken is None:
        return False
    execution_id, messages = taken
    announce(services, messages)
    if execution_id is not None:
        _stop_execution(services, execution_id)
    return True


def _stop_execution(services: Services, execution_id: str) -> None:
    """It may only be cut off, and its cost would go on."""
    try:
        services.launcher.cancel(execution_id)
    except Exception:
        # The fence does not depend on it: what it reports is refused.
        logger.exception("Not stopped: %s", execution_id, extra={"event": "execution_not_stopped"})
