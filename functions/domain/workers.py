"""Workers as stored."""

from datetime import datetime, timedelta

from functions.domain.record import Created
from schemas.jobs import JobKind
from schemas.message import UtcTime
from schemas.workers import Capabilities, Worker

WORKERS = "workers"
MISSED_BEATS_OFFLINE = 3


class WorkerRecord(Created):
    """A registered desk."""

    worker_id: str
    owner: str
    name: str
    slots: int
    kinds: list[JobKind]
    software_version: str
    protocol_version: int
    capabilities: Capabilities | None
    last_seen_at: UtcTime

    def view(self, *, now: datetime, heartbeat_seconds: int) -> Worker:
        """As its owner sees it."""
        silence = timedelta(seconds=heartbeat_seconds * MISSED_BEATS_OFFLINE)
        shared = {name: getattr(self, name) for name in Worker.model_fields if name in type(self).model_fields}
        return Worker(**shared, online=now - self.last_seen_at <= silence, registered_at=self.created_at)
