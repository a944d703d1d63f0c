"""POST /workers/{worker_id}/heartbeat: extends leases, offers work, tells of cancels. Called by every daemon, always.

With ``wait_seconds`` it is a long poll: it answers as soon as there is something to tell.
"""

from collections.abc import Iterator
from itertools import islice
from time import monotonic

from functions.auth import User, hash_token
from functions.domain.jobs import check_token, extend
from functions.domain.projects import PROJECTS
from functions.domain.renders import RENDERS, RenderRecord
from functions.domain.workers import WORKERS, WorkerRecord
from functions.endpoint import Deployment, endpoint
from functions.errors import LeaseLost
from functions.expiry import expire_renders
from functions.ports import Document, Services, Transaction, Where
from functions.store import worker_of
from schemas.ids import WorkerId
from schemas.jobs import JobKind, JobStatus
from schemas.renders import RenderExecutionMode
from schemas.workers import Heartbeat, HeartbeatAnswer, HeldLease, LeaseState, WaitingJob

SPARE_JOBS = 20
"""Looked at beyond the free slots, because some may be of projects that are gone or no longer the caller's."""


@endpoint("POST /workers/{worker_id}/heartbeat", waits=True, deployment=Deployment(concurrency=80))
def record_heartbeat(worker_id: WorkerId, body: Heartbeat, caller: User, services: Services) -> HeartbeatAnswer:
    """Take a heartbeat."""
    deadline = monotonic() + body.wait_seconds
    with services.bus.listen(caller.user_id) as bell:
        worker = _seen(services, worker_id, caller)
        leases = [_extended(services, lease) for lease in body.leases]
        while True:
            waiting = _waiting(services, worker, body.free_slots)
            remaining = deadline - monotonic()
            if waiting or _worth_telling(leases, body) or remaining <= 0:
                return HeartbeatAnswer(leases=leases, waiting=waiting, server_time=services.clock())
            if bell.wait(remaining):
                leases = [_state(services, lease) for lease in body.leases]


def _seen(services: Services, worker_id: str, caller: User) -> WorkerRecord:
    def record(tx: Transaction) -> WorkerRecord:
        worker = worker_of(tx, worker_id, caller).changed(last_seen_at=services.clock())
        tx.put(WORKERS, worker_id, worker.dump())
        return worker

    return services.documents.transaction(record)


def _extended(services: Services, lease: HeldLease) -> LeaseState:
    def change(tx: Transaction) -> LeaseState:
        job = _held(tx.get(RENDERS, lease.job_id), lease)
        if isinstance(job, LeaseState):
            return job
        extended = extend(job, now=services.clock())
        tx.put(RENDERS, lease.job_id, extended.dump())
        return _verdict(extended, lease, held=True)

    return services.documents.transaction(change)


def _state(services: Services, lease: HeldLease) -> LeaseState:
    job = _held(services.documents.get(RENDERS, lease.job_id), lease)
    return job if isinstance(job, LeaseState) else _verdict(job, lease, held=True)


def _held(document: dict[str, object] | None, lease: HeldLease) -> RenderRecord | LeaseState:
    """The job if the lease holds it, otherwise the verdict that it does not."""
    if document is None or document["project_id"] != lease.project_id:
        return LeaseState(
            job_id=lease.job_id, attempt=lease.attempt, held=False, cancel_requested=False, status=None, expires_at=None
        )
    job = RenderRecord.load(document)
    try:
        check_token(job, hash_token(lease.token))
    except LeaseLost:
        return _verdict(job, lease, held=False)
    held = job.lease_expires_at is not None and job.attempt == lease.attempt
    return job if held else _verdict(job, lease, held=False)


def _verdict(job: RenderRecord, lease: HeldLease, *, held: bool) -> LeaseState:
    return LeaseState(
        job_id=lease.job_id,
        attempt=lease.attempt,
        held=held,
        cancel_requested=held and job.cancel_requested,
        status=job.status,
        expires_at=job.lease_expires_at if held else None,
    )


def _worth_telling(leases: list[LeaseState], body: Heartbeat) -> bool:
    known = {lease.job_id for lease in body.leases if lease.cancelling}
    return any(not state.held or (state.cancel_requested and state.job_id not in known) for state in leases)


def _waiting(services: Services, worker: WorkerRecord, free_slots: int) -> list[WaitingJob]:
    if free_slots == 0 or JobKind.RENDER not in worker.kinds:
        return []
    eligible = Where("people", "contains", worker.owner)
    # A desk that asks for work need not wait for the scheduler to notice that another one died.
    expire_renders(services, eligible, limit=free_slots)
    found = services.documents.query(
        RENDERS,
        eligible,
        Where("status", "==", JobStatus.QUEUED.value),
        Where("execution_mode", "==", RenderExecutionMode.LOCAL.value),
        order_by="created_at",
        limit=free_slots + SPARE_JOBS,
    )
    return [
        WaitingJob(project_id=d["project_id"], job_id=d["job_id"], kind=JobKind.RENDER)
        for d in islice(_claimable(services, found, worker.owner), free_slots)
    ]


def _claimable(services: Services, jobs: list[Document], user_id: str) -> Iterator[Document]:
    """Those of ``jobs`` whose project is there and the user's: a job learns later than its project of both."""
    theirs: dict[str, bool] = {}
    for job in jobs:
        project_id = job["project_id"]
        if project_id not in theirs:
            project = services.documents.get(PROJECTS, project_id)
            theirs[project_id] = project is not None and user_id in project["people"]
        if theirs[project_id]:
            yield job
