"""Every minute: publishes messages whose handler died or failed between its commit and its publish."""

from datetime import timedelta

from functions.domain.outbox import OUTBOX, OutboxRecord
from functions.ports import Services, Where
from functions.store import announce
from functions.trigger import on_schedule

GRACE_SECONDS = 5
"""Younger messages are still in the hands of the handler that wrote them."""

MAX_MESSAGES_PER_RUN = 500


@on_schedule("* * * * *")
def publish_outbox(services: Services) -> None:
    """Publish what was left in the outbox."""
    left = services.documents.query(
        OUTBOX,
        Where("created_at", "<=", services.clock() - timedelta(seconds=GRACE_SECONDS)),
        order_by="created_at",
        limit=MAX_MESSAGES_PER_RUN,
    )
    announce(services, [OutboxRecord.load(document) for document in left])
