"""Takes a render from a holder whose lease ran out. Called by the schedule and by heartbeats that look for work."""

from functions.domain import outbox
from functions.domain.jobs import expire
from functions.domain.outbox import OutboxRecord
from functions.domain.renders import RENDERS, RenderRecord
from functions.ports import Services, Transaction
from functions.store import announce, put_render


def expire_render(services: Services, job_id: str) -> bool:
    """Requeue, fail or cancel the job if its lease ran out; whether it had."""

    def take_back(tx: Transaction) -> list[OutboxRecord] | None:
        document = tx.get(RENDERS, job_id)
        if document is None:
            return None
        job, now = RenderRecord.load(document), services.clock()
        expired = expire(job, now=now, max_losses=services.settings.max_attempts)
        return None if expired is job else put_render(tx, expired, outbox.offer(expired, now=now))

    messages = services.documents.transaction(take_back)
    announce(services, messages or [])
    return messages is not None
