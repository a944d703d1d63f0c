"""The one job lifecycle: states, leases with fencing, reports (DESIGN section 5). Pure: time and secrets come in.

Every function returns a changed copy or raises; nothing is written here.
"""

import hmac
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self, TypeVar

from pydantic import Field

from functions.domain.record import Created, Record
from functions.errors import IllegalState, LeaseHeld, LeaseLost
from schemas.jobs import FINAL_STATUSES, JobEvent, JobKind, JobStatus, LeaseView
from schemas.message import UtcTime

MAX_EVENTS = 200
MAX_DETAIL_LENGTH = 200
"""The trail is part of the job, and a document ends at 1 MiB."""

_S = JobStatus
NEXT_STATUSES: dict[JobStatus, frozenset[JobStatus]] = {
    _S.PENDING: frozenset({_S.QUEUED, _S.FAILED, _S.CANCELLED}),
    _S.QUEUED: frozenset({_S.PROCESSING, _S.PENDING, _S.FAILED, _S.CANCELLED}),
    _S.PROCESSING: frozenset({_S.UPLOADING, _S.COMPLETED, _S.FAILED, _S.CANCELLED, _S.QUEUED, _S.PENDING}),
    _S.UPLOADING: frozenset({_S.COMPLETED, _S.FAILED, _S.CANCELLED, _S.QUEUED, _S.PENDING}),
    _S.COMPLETED: frozenset(),
    _S.FAILED: frozenset(),
    _S.CANCELLED: frozenset(),
}
LEASED_STATUSES = frozenset({_S.PROCESSING, _S.UPLOADING})


class ErrorReason(StrEnum):
    """Error codes that the server itself gives to a failed job."""

    WORKER_LOST = "worker_lost"
    DISPATCH_FAILED = "dispatch_failed"


class Lease(Record):
    """Who works on the job. Without a worker and a token it is a person who never claimed (implicit claim)."""

    holder: str
    """``user:<id>`` or ``worker:<id>``."""
    user_id: str | None = None
    """The person, or whose desk it is; None for an execution in the cloud."""
    worker_id: str | None = None
    token_sha256: str | None = None
    seconds: int
    confirmed: bool = False
    """Whether the holder spoke of the job since, and so has its token."""


class JobRecord(Created):
    """What every kind of job has."""

    job_id: str
    kind: JobKind
    project_id: str
    people: list[str]
    """Whose desks it is offered to: the project's people, soon after they changed."""
    status: JobStatus
    attempt: int = 0
    losses: int = 0
    """Leases that ran out, and executions in the cloud that never claimed."""
    lease: Lease | None = None
    """Of the current attempt; stays after a final status, so that a repeated report is recognised."""
    lease_expires_at: UtcTime | None = None
    """Set while, and only while, somebody works on it or a started execution is expected to claim it."""
    progress: float = 0
    cancel_requested: bool = False
    cancel_reason: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    started_at: UtcTime | None = None
    completed_at: UtcTime | None = None
    events: list[JobEvent] = Field(default_factory=list)

    @property
    def offered_as(self) -> JobStatus:
        """The state in which the job waits for somebody to work on it."""
        return JobStatus.QUEUED

    @property
    def final(self) -> bool:
        """Whether nothing can change any more."""
        return self.status in FINAL_STATUSES

    def lease_view(self) -> LeaseView | None:
        """The lease as people see it."""
        if self.lease is None or self.lease_expires_at is None:
            return None
        return LeaseView(worker_id=self.lease.worker_id, attempt=self.attempt, expires_at=self.lease_expires_at)

    def requeued(self) -> Self:
        """Without what belonged to the attempt that is over. Kinds of jobs add their own fields."""
        return self.changed(lease=None, lease_expires_at=None, progress=0.0)


J = TypeVar("J", bound=JobRecord)


def move(job: J, to: JobStatus, *, now: datetime, actor: str, detail: str | None = None) -> J:
    """Take one step of the state diagram and append it to the trail; IllegalState names both states."""
    if to not in NEXT_STATUSES[job.status]:
        raise IllegalState(f"The job is {job.status} and cannot become {to}.")
    event = JobEvent(
        at=now, actor=actor, attempt=job.attempt, from_status=job.status, to_status=to, detail=_shortened(detail)
    )
    final = to in FINAL_STATUSES
    return job.changed(
        status=to,
        events=[*job.events, event][-MAX_EVENTS:],
        lease_expires_at=None if final else job.lease_expires_at,
        completed_at=now if final else None,
    )


def _shortened(text: str | None) -> str | None:
    return text if text is None or len(text) <= MAX_DETAIL_LENGTH else text[: MAX_DETAIL_LENGTH - 1] + "…"


def claim(job: J, lease: Lease, *, now: datetime) -> J:
    """Queued -> processing with a new attempt; LeaseHeld while another lives, IllegalState when it is not offered.

    A worker that was not heard of since its claim never got the answer: it gets the same attempt again, and only the
    new token counts.
    """
    if job.status in LEASED_STATUSES:
        if job.lease and not job.lease.confirmed and job.lease.worker_id == lease.worker_id is not None:
            return job.changed(lease=lease, lease_expires_at=now + timedelta(seconds=lease.seconds))
        raise LeaseHeld(f"Attempt {job.attempt} of this job is held by {job.lease.holder if job.lease else 'nobody'}.")
    if job.status is not JobStatus.QUEUED:
        raise IllegalState(f"The job is {job.status} and cannot be claimed.")
    claimed = job.changed(
        attempt=job.attempt + 1,
        lease=lease,
        lease_expires_at=now + timedelta(seconds=lease.seconds),
        started_at=job.started_at or now,
    )
    return move(claimed, JobStatus.PROCESSING, now=now, actor=lease.holder)


def check_token(job: JobRecord, token_sha256: str) -> None:
    """LeaseLost unless the token is the one of the current attempt."""
    current = job.lease.token_sha256 if job.lease else None
    if current is None or not hmac.compare_digest(current, token_sha256):
        raise LeaseLost(f"The job is {job.status} in attempt {job.attempt}, which is not yours.")


def extend(job: J, *, now: datetime) -> J:
    """The holder was heard of: its lease runs anew from ``now``; a job nobody works on stays as it is."""
    if job.lease is None or job.lease_expires_at is None:
        return job
    lease = job.lease.changed(confirmed=True)
    return job.changed(lease=lease, lease_expires_at=now + timedelta(seconds=lease.seconds))


def release(job: J, *, now: datetime, actor: str, detail: str | None) -> J:
    """The holder hands the job back: it is offered again, at no cost of an attempt, unless it was to be cancelled."""
    if job.cancel_requested:
        return move(job, JobStatus.CANCELLED, now=now, actor=actor, detail=detail)
    return move(job, job.offered_as, now=now, actor=actor, detail=detail).requeued()


def expire(job: J, *, now: datetime, max_losses: int) -> J:
    """Take a job from who let its time run out; the job itself if there is time left, or none was given.

    Who is late is a holder, or an execution that was started and never claimed.
    """
    if job.lease_expires_at is None or job.lease_expires_at > now:
        return job
    if job.cancel_requested:
        return move(job, JobStatus.CANCELLED, now=now, actor="system", detail="the worker did not answer the cancel")
    losses = job.losses + 1
    if losses >= max_losses:
        last = f"{job.lease.holder} fell silent" if job.lease else "the execution never claimed it"
        message = f"Lost {losses} times; the last time, {last}."
        return fail(job.changed(losses=losses), ErrorReason.WORKER_LOST, message, now=now, actor="system")
    detail = "the lease ran out" if job.lease else "the execution never claimed it"
    moved = move(job, job.offered_as, now=now, actor="system", detail=detail)
    return moved.requeued().changed(losses=losses)


def with_people(job: J, people: list[str], *, now: datetime) -> J:
    """The job of a project whose people changed; a holder who no longer belongs to them loses it, at no cost."""
    job = job.changed(people=people)
    if job.status not in LEASED_STATUSES or job.lease is None or job.lease.user_id in {None, *people}:
        return job
    return release(job, now=now, actor="system", detail="the holder no longer belongs to the project")


def fail(job: J, code: str, message: str | None, *, now: datetime, actor: str) -> J:
    """Give the job up."""
    failed = move(job, JobStatus.FAILED, now=now, actor=actor, detail=code)
    return failed.changed(error_code=code, error_message=message)


def cancel(job: J, *, now: datetime, actor: str, reason: str | None) -> J:
    """Cancel at once if nobody listens, else ask the worker to stop. Asking twice changes nothing."""
    listening = job.lease is not None and job.lease.worker_id is not None and job.lease_expires_at is not None
    if job.status is JobStatus.CANCELLED:
        return job
    if job.final or not listening:
        return move(job, JobStatus.CANCELLED, now=now, actor=actor, detail=reason).changed(cancel_reason=reason)
    if job.cancel_requested:
        return job
    return job.changed(cancel_requested=True, cancel_reason=reason)


def as_holder(
    job: J,
    *,
    user_id: str | None,
    attempt: int | None,
    now: datetime,
    implicit_lease_seconds: int,
    max_losses: int,
) -> J:
    """The job with the caller as its holder; who follows the guide by hand claims an unleased job by speaking of it.

    ``user_id`` is None for who proved with a lease token to be the holder. LeaseLost for a stale attempt, LeaseHeld for
    a person while another holds it.
    """
    if attempt is not None and attempt != job.attempt:
        raise LeaseLost(f"Attempt {attempt} is over; the job is {job.status} in attempt {job.attempt}.")
    if job.final:
        return job
    if user_id is None:
        # Its token is proven to have arrived.
        return job.changed(lease=job.lease.changed(confirmed=True)) if job.lease else job
    job = expire(job, now=now, max_losses=max_losses)
    holder = f"user:{user_id}"
    if job.status in LEASED_STATUSES and job.lease and job.lease.holder == holder:
        return job
    return claim(job, Lease(holder=holder, user_id=user_id, seconds=implicit_lease_seconds), now=now)
