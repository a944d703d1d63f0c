"""What the daemon expects of every way of listening."""

from collections.abc import Callable, Collection
from typing import Protocol

from schemas.events import Doorbell
from worker.heartbeat import Heartbeat

Ring = Callable[[Doorbell], None]
"""Called in the event loop for each doorbell; it only looks, and never waits."""


class Subscription(Protocol):
    """A way of hearing doorbells that also sets the pace of the heartbeat."""

    async def listen(self, heartbeat: Heartbeat) -> None:
        """Keep the heart beating and ring, until cancelled. Raises what ends a heartbeat (``Heartbeat.run``)."""

    def offered(self, job_ids: Collection[str]) -> None:
        """A heartbeat offered these jobs: each of them should have rung."""
