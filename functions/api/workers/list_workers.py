"""GET /workers: the caller's desks. Called by people and agents."""

from functions.auth import User
from functions.domain.workers import WORKERS, WorkerRecord
from functions.endpoint import endpoint
from functions.ports import Services, Where
from schemas.message import Page
from schemas.workers import WorkerList


@endpoint("GET /workers")
def list_workers(query: Page, caller: User, services: Services) -> WorkerList:
    """List the caller's workers, last seen first."""
    mine = Where("owner", "==", caller.user_id)
    found = services.documents.query(
        WORKERS, mine, order_by="last_seen_at", descending=True, limit=query.limit, offset=query.offset
    )
    now, beat = services.clock(), services.settings.heartbeat_seconds
    return WorkerList(
        workers=[WorkerRecord.load(document).view(now=now, heartbeat_seconds=beat) for document in found],
        total=services.documents.count(WORKERS, mine),
    )
