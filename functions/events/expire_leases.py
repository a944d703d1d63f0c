"""Every minute: jobs whose lease ran out go back to the queue, or fail as ``worker_lost`` (DESIGN section 5)."""

from functions.expiry import expire_renders
from functions.ports import Services
from functions.trigger import on_schedule

MAX_JOBS_PER_RUN = 500


@on_schedule("* * * * *")
def expire_leases(services: Services) -> None:
    """Take jobs back from holders who fell silent."""
    expire_renders(services, limit=MAX_JOBS_PER_RUN)
