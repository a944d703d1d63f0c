"""Workers: desks that registered, their heartbeats, and how doorbells reach them."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.ids import JobId, ProjectId, WorkerId
from schemas.jobs import JobKind, JobStatus
from schemas.message import Answer, Request, Response, UtcTime

PROTOCOL_VERSION = 1
"""Raised when an old worker could no longer talk to a new control plane, or the other way round."""

WorkerName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]


class Capabilities(Request):
    """What a desk can do, as its ``doctor`` found it."""

    cpu_count: int = Field(ge=1)
    memory_bytes: int = Field(ge=0)
    encoders: list[Annotated[str, StringConstraints(max_length=40)]] = Field(default_factory=list, max_length=64)
    docker: bool = False


class RegisterWorker(Request):
    """``POST /workers``. A desk that registered before sends its ``worker_id`` and is updated."""

    worker_id: WorkerId | None = None
    name: WorkerName
    slots: int = Field(default=1, ge=1, le=64)
    kinds: list[JobKind] = Field(min_length=1)
    software_version: Annotated[str, StringConstraints(max_length=40)]
    protocol_version: int = Field(ge=1)
    capabilities: Capabilities | None = None


class PubSubSubscription(Response):
    """Doorbells come by Pub/Sub streaming pull. ``pool`` repeats the filter, which older emulators ignore."""

    kind: Literal["pubsub"] = "pubsub"
    subscription: str
    """``projects/{project}/subscriptions/{name}``."""
    pool: str


class PollSubscription(Response):
    """Doorbells come as the answer of a heartbeat that waits (``wait_seconds``)."""

    kind: Literal["poll"] = "poll"


Subscription = Annotated[PubSubSubscription | PollSubscription, Field(discriminator="kind")]


class Worker(Response):
    """A registered desk. ``online`` is the server's judgement from the last heartbeat."""

    worker_id: WorkerId
    name: str
    owner: str
    slots: int
    kinds: list[JobKind]
    software_version: str
    capabilities: Capabilities | None
    online: bool
    registered_at: UtcTime
    last_seen_at: UtcTime


class WorkerAnswer(Answer):
    """The worker as registered, and how it shall listen and beat."""

    worker: Worker
    subscription: Subscription
    heartbeat_seconds: int
    lease_seconds: int
    server_time: UtcTime


class WorkerList(Answer):
    """The caller's workers, last seen first."""

    workers: list[Worker]
    total: int


class HeldLease(Request):
    """A lease the worker believes it holds."""

    project_id: ProjectId
    job_id: JobId
    kind: JobKind
    attempt: int = Field(ge=1)
    token: str = Field(min_length=1, max_length=200, repr=False)
    cancelling: bool = False
    """The worker already stops this job: a waiting heartbeat need not answer at once because of it."""


class Heartbeat(Request):
    """``POST /workers/{w}/heartbeat``: extends the leases named, asks for work for ``free_slots``.

    With ``wait_seconds`` the server may hold the answer back until there is something to tell.
    """

    leases: list[HeldLease] = Field(default_factory=list, max_length=64)
    free_slots: int = Field(ge=0, le=64)
    wait_seconds: float = Field(default=0, ge=0, le=30)


class LeaseState(Response):
    """The server's verdict on one lease. ``held`` false means: stop, discard, report nothing."""

    job_id: JobId
    attempt: int
    held: bool
    cancel_requested: bool
    status: JobStatus | None
    """Null when the job is gone."""
    expires_at: UtcTime | None


class WaitingJob(Response):
    """A job this worker may claim."""

    project_id: ProjectId
    job_id: JobId
    kind: JobKind


class HeartbeatAnswer(Answer):
    """Verdicts on the leases, and jobs that wait (at most ``free_slots`` of them, oldest first)."""

    leases: list[LeaseState]
    waiting: list[WaitingJob]
    server_time: UtcTime


class CredentialsAnswer(Answer):
    """A short-lived Google access token for pulling ``subscription``; it can do all that the worker account can."""

    access_token: str = Field(repr=False)
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the scheme, not a secret
    expires_in: int
    """Seconds."""
    subscription: str
