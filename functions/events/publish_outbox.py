"""Every minute: publishes messages whose handler died or failed between its commit and its publish."""

from datetime import timedelta

from functions.domain.outbox import OUTBOX, OutboxRecord
from functions.ports import Services, Where
from functions.store import announce
from functions.trigger import on_schedule
from schemas.events import Topic

GRACE_SECONDS = 5
"""Younger messages are still in the hands of the handler that wrote them."""

MAX_MESSAGES_PER_TOPIC = 500


@on_schedule("* * * * *")
def publish_outbox(services: Services) -> None:
    """Publish what was left in the outbox."""
    grace = Where("created_at", "<=", services.clock() - timedelta(seconds=GRACE_SECONDS))
    for topic in Topic:
        # Each for itself: what piles up behind a topic that cannot be published to must not hide the others.
        of_topic = Where("topic", "==", topic.value)
        left = services.documents.query(OUTBOX, of_topic, grace, order_by="created_at", limit=MAX_MESSAGES_PER_TOPIC)
        announce(services, [OutboxRecord.load(document) for document in left])
