"""POST /workers: a desk introduces itself and learns how to listen. Called by the daemon at every start."""

from functions.auth import User
from functions.domain.workers import WORKERS, WorkerRecord
from functions.endpoint import endpoint
from functions.errors import ProtocolUnsupported
from functions.ports import Services, Transaction
from functions.request_body import RequestKey
from functions.store import already_created, worker_of
from schemas.workers import PROTOCOL_VERSION, RegisterWorker, WorkerAnswer


@endpoint("POST /workers", status=201)
def register_worker(body: RegisterWorker, caller: User, request_key: RequestKey, services: Services) -> WorkerAnswer:
    """Register a worker, or update one that registered before."""
    if body.protocol_version != PROTOCOL_VERSION:
        raise ProtocolUnsupported(
            f"This control plane speaks protocol {PROTOCOL_VERSION}, the worker {body.protocol_version}.",
            hint="Update the older one of the two.",
        )
    now = services.clock()
    worker_id = body.worker_id or request_key.new_id

    def register(tx: Transaction) -> WorkerRecord:
        known = worker_of(tx, worker_id, caller) if body.worker_id else None
        if known is None and (existing := already_created(tx, WORKERS, request_key, WorkerRecord)):
            return existing
        worker = WorkerRecord(
            worker_id=worker_id,
            owner=caller.user_id,
            name=body.name,
            slots=body.slots,
            kinds=body.kinds,
            software_version=body.software_version,
            protocol_version=body.protocol_version,
            capabilities=body.capabilities,
            last_seen_at=now,
            created_by=caller.user_id,
            created_at=known.created_at if known else now,
            request_fingerprint=known.request_fingerprint if known else request_key.fingerprint,
        )
        tx.put(WORKERS, worker_id, worker.dump())
        return worker

    worker = services.documents.transaction(register)
    settings = services.settings
    return WorkerAnswer(
        worker=worker.view(now=now, heartbeat_seconds=settings.heartbeat_seconds),
        subscription=services.bus.subscribe_worker(worker_id, caller.user_id),
        heartbeat_seconds=settings.heartbeat_seconds,
        lease_seconds=settings.lease_seconds,
        server_time=now,
    )
