"""DELETE /workers/{worker_id}: this desk is not used any more. Called by its owner; its leases run out."""

from functions.auth import User
from functions.domain.workers import WORKERS
from functions.endpoint import endpoint
from functions.ports import Services, Transaction
from functions.store import worker_of
from schemas.ids import WorkerId
from schemas.message import Deleted


@endpoint("DELETE /workers/{worker_id}")
def retire_worker(worker_id: WorkerId, caller: User, services: Services) -> Deleted:
    """Retire a worker."""
    worker_of(services.documents, worker_id, caller)
    services.bus.unsubscribe_worker(worker_id)

    def retire(tx: Transaction) -> None:
        tx.delete(WORKERS, worker_id)

    services.documents.transaction(retire)
    return Deleted()
