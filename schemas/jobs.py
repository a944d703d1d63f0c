"""What every kind of job has in common: its states, its lease and its event trail (DESIGN: one job lifecycle)."""

from enum import StrEnum

from pydantic import Field

from schemas.ids import WorkerId
from schemas.message import Response, UtcTime


class JobKind(StrEnum):
    """Kinds of work a desk can be asked for."""

    RENDER = "render"


class JobStatus(StrEnum):
    """States of a job, in the order a lucky one passes them."""

    PENDING = "pending"
    """Written, not yet offered to anybody."""
    QUEUED = "queued"
    """Offered: any eligible worker may claim it."""
    PROCESSING = "processing"
    """Claimed: one attempt holds the lease."""
    UPLOADING = "uploading"
    """The result exists at the worker and is on its way."""
    COMPLETED = "completed"
    """The result was uploaded and checked by the server. Final."""
    FAILED = "failed"
    """Given up; ``error_code`` and ``error_message`` say why. Final."""
    CANCELLED = "cancelled"
    """Stopped by a person. Final."""


FINAL_STATUSES = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED})


class JobEvent(Response):
    """One transition in a job's trail."""

    at: UtcTime
    actor: str
    """``user:<id>``, ``worker:<id>`` or ``system``."""
    attempt: int
    from_status: JobStatus | None
    to_status: JobStatus
    detail: str | None = None


class LeaseView(Response):
    """Who holds a job, as shown to its people: never the token."""

    worker_id: WorkerId | None
    """Null when a person works on the job without a daemon (implicit claim)."""
    attempt: int
    expires_at: UtcTime


class LeaseGrant(Response):
    """What a successful claim hands to the worker. ``token`` is a secret and shown once."""

    attempt: int
    token: str = Field(repr=False)
    expires_at: UtcTime
    lease_seconds: int
    heartbeat_seconds: int
