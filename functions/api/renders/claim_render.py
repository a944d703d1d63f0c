"""POST /projects/{project_id}/renders/{job_id}/claim: one transaction decides who works on it. Called by workers.

A worker of one of the project's people claims with its user's token; a Cloud Run execution with the claim token that
it was started with.
"""

import secrets

from functions.auth import JobCaller, hash_token
from functions.domain.jobs import Lease, claim
from functions.domain.renders import RENDERS, RenderRecord
from functions.endpoint import endpoint
from functions.errors import IllegalState, NotFound
from functions.ports import Services, Transaction
from functions.store import project_of, render_of, worker_of
from schemas.ids import JobId, ProjectId
from schemas.jobs import LeaseGrant
from schemas.renders import ClaimAnswer, ClaimRender, RenderExecutionMode


@endpoint("POST /projects/{project_id}/renders/{job_id}/claim")
def claim_render(
    project_id: ProjectId, job_id: JobId, body: ClaimRender, caller: JobCaller, services: Services
) -> ClaimAnswer:
    """Claim a queued render job; the answer's lease token is shown once."""
    token = f"lease_{secrets.token_urlsafe(32)}"
    lease = Lease(
        holder=f"worker:{body.worker_id}",
        user_id=caller.user.user_id if caller.user else None,
        worker_id=body.worker_id,
        token_sha256=hash_token(token),
        seconds=services.settings.lease_seconds,
    )

    def take(tx: Transaction) -> RenderRecord:
        if caller.user is not None:
            project_of(tx, project_id, caller.user)
            worker_of(tx, body.worker_id, caller.user)
        job = render_of(tx, project_id, job_id)
        _check_eligible(job, caller)
        claimed = claim(job, lease, now=services.clock())
        tx.put(RENDERS, job_id, claimed.dump())
        return claimed

    job = services.documents.transaction(take)
    assert job.lease_expires_at is not None  # noqa: S101 - a claim sets it
    grant = LeaseGrant(
        attempt=job.attempt,
        token=token,
        expires_at=job.lease_expires_at,
        lease_seconds=lease.seconds,
        heartbeat_seconds=services.settings.heartbeat_seconds,
    )
    return ClaimAnswer(job=job.view(), lease=grant)


def _check_eligible(job: RenderRecord, caller: JobCaller) -> None:
    if caller.lease_token is not None:
        if job.claim_token_sha256 != hash_token(caller.lease_token):
            raise NotFound(f"There is no render {job.job_id} for this claim token.")
    elif job.execution_mode is RenderExecutionMode.CLOUD:
        raise IllegalState("This job runs in the cloud.")
