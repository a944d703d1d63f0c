"""Every minute: jobs whose lease ran out go back to the queue, or fail as ``worker_lost`` (DESIGN section 5)."""

import logging

from functions.domain.renders import RENDERS
from functions.expiry import expire_render
from functions.ports import Services, Where
from functions.trigger import on_schedule

logger = logging.getLogger(__name__)

MAX_JOBS_PER_RUN = 500


@on_schedule("* * * * *")
def expire_leases(services: Services) -> None:
    """Take jobs back from holders who fell silent."""
    lapsed = services.documents.query(
        RENDERS, Where("lease_expires_at", "<=", services.clock()), order_by="lease_expires_at", limit=MAX_JOBS_PER_RUN
    )
    for document in lapsed:
        job_id = document["job_id"]
        try:
            if expire_render(services, job_id):
                logger.info("The lease ran out", extra={"event": "lease_expired", "job_id": job_id})
        except Exception:
            # The others must not wait for this one; it comes again next time.
            logger.exception("Not expired", extra={"event": "lease_expiry_failed", "job_id": job_id})
