"""Listening without Pub/Sub: the heartbeat waits at the server until there is something to tell. Used by the daemon."""

from collections.abc import Collection

from worker.heartbeat import Heartbeat

LONGEST_WAIT_SECONDS = 20.0
"""Below the 30 s after which proxies on the way like to close a silent connection."""


class PollSubscription:
    """The heartbeat is the subscription: what it answers needs no doorbell."""

    def __init__(self, heartbeat_seconds: float) -> None:
        self._wait_seconds = min(LONGEST_WAIT_SECONDS, heartbeat_seconds)

    async def listen(self, heartbeat: Heartbeat) -> None:
        """One long poll after the other."""
        await heartbeat.run(wait_seconds=self._wait_seconds, pause_seconds=0)

    def offered(self, job_ids: Collection[str]) -> None:
        """Nothing to compare with: no doorbell rings here."""
