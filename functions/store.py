"""Typed access to the document store for handlers: who may see what, and changes that are announced."""

import logging
from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

from functions.auth import JobCaller, User, hash_token
from functions.domain.assets import ASSETS, AssetRecord
from functions.domain.jobs import as_holder, check_token
from functions.domain.outbox import OUTBOX, OutboxRecord
from functions.domain.projects import PROJECTS, ProjectRecord
from functions.domain.record import Created
from functions.domain.renders import RENDERS, RenderRecord
from functions.domain.workers import WORKERS, WorkerRecord
from functions.errors import IdempotencyKeyReused, IllegalState, LeaseLost, NotFound
from functions.ports import Document, DocumentStore, Services, Transaction, Where
from functions.request_body import RequestKey
from schemas.events import Topic
from schemas.renders import RenderExecutionMode

logger = logging.getLogger(__name__)

PAGE_SIZE = 500
C = TypeVar("C", bound=Created)


class Reader(Protocol):
    """A document store or a transaction: whatever reads documents."""

    def get(self, collection: str, doc_id: str) -> Document | None:
        """Read one document."""


def project_of(reader: Reader, project_id: str, user: User) -> ProjectRecord:
    """The project, if it is there and the user's; NotFound otherwise."""
    document = reader.get(PROJECTS, project_id)
    if document is None:
        raise NotFound(f"There is no project {project_id}, or it is not yours.")
    return ProjectRecord.load(document).for_user(user.user_id)


def render_of(reader: Reader, project_id: str, job_id: str) -> RenderRecord:
    """The render job, if it belongs to that project; who may see the project was asked before."""
    document = reader.get(RENDERS, job_id)
    if document is None or document["project_id"] != project_id:
        raise _no_render(job_id)
    return RenderRecord.load(document)


def _no_render(job_id: str) -> NotFound:
    return NotFound(f"There is no render {job_id} in this project.")


def render_for(reader: Reader, project_id: str, job_id: str, user: User) -> RenderRecord:
    """The render job as one of the project's people may read it."""
    project_of(reader, project_id, user)
    return render_of(reader, project_id, job_id)


def render_of_caller(reader: Reader, project_id: str, job_id: str, caller: JobCaller) -> RenderRecord:
    """The render job as one of the project's people or its holder may see it; LeaseLost for a person's stale token.

    Without a user a stale token is NotFound: who has nothing else must not learn which jobs there are.
    """
    if caller.user is not None:
        project_of(reader, project_id, caller.user)
    job = render_of(reader, project_id, job_id)
    if caller.lease_token is not None:
        try:
            check_token(job, hash_token(caller.lease_token))
        except LeaseLost:
            if caller.user is None:
                raise _no_render(job_id) from None
            raise
    return job


def render_as_holder(
    reader: Reader, project_id: str, job_id: str, caller: JobCaller, services: Services, *, attempt: int | None = None
) -> RenderRecord:
    """The render job with the caller as its holder, which may be an implicit claim (PROTOCOL, section 2)."""
    job = render_of_caller(reader, project_id, job_id, caller)
    if caller.lease_token is None and job.execution_mode is RenderExecutionMode.CLOUD and not job.final:
        raise IllegalState("This job runs in the cloud.")
    return as_holder(
        job,
        user_id=caller.user.user_id if caller.user and caller.lease_token is None else None,
        attempt=attempt,
        now=services.clock(),
        implicit_lease_seconds=services.settings.implicit_lease_seconds,
        max_losses=services.settings.max_attempts,
    )


def asset_of(reader: Reader, project_id: str, asset_id: str, user: User) -> AssetRecord:
    """The asset, if it belongs to a project of the user."""
    project_of(reader, project_id, user)
    document = reader.get(ASSETS, asset_id)
    if document is None or document["project_id"] != project_id:
        raise NotFound(f"There is no asset {asset_id} in this project.")
    return AssetRecord.load(document)


def worker_of(reader: Reader, worker_id: str, user: User) -> WorkerRecord:
    """The worker, if the user registered it."""
    document = reader.get(WORKERS, worker_id)
    if document is None or document["owner"] != user.user_id:
        raise NotFound(f"There is no worker {worker_id}, or it is not yours.")
    return WorkerRecord.load(document)


def already_created(reader: Reader, collection: str, key: RequestKey, record_type: type[C]) -> C | None:
    """What the same Idempotency-Key created before; IdempotencyKeyReused if that was another request."""
    document = reader.get(collection, key.new_id)
    if document is None:
        return None
    record = record_type.load(document)
    if record.request_fingerprint != key.fingerprint:
        raise IdempotencyKeyReused
    return record


def every(documents: DocumentStore, collection: str, *where: Where) -> Iterator[Document]:
    """All documents that meet the conditions, page by page, in order of creation."""
    offset = 0
    while page := documents.query(collection, *where, order_by="created_at", limit=PAGE_SIZE, offset=offset):
        yield from page
        offset += len(page)


def put_render(tx: Transaction, job: RenderRecord, messages: Iterable[OutboxRecord] = ()) -> list[OutboxRecord]:
    """Write the job and, in the same commit, what is to be announced of it; pass the result to ``announce``."""
    tx.put(RENDERS, job.job_id, job.dump())
    return put_outbox(tx, messages)


def put_outbox(tx: Transaction, messages: Iterable[OutboxRecord]) -> list[OutboxRecord]:
    """Write messages into the outbox; pass the result to ``announce`` after the commit."""
    written = list(messages)
    for message in written:
        tx.put(OUTBOX, message.outbox_id, message.dump())
    return written


def announce(services: Services, messages: Iterable[OutboxRecord]) -> None:
    """Publish what a commit wrote into the outbox. What fails here is published by ``publish_outbox`` later."""
    published: list[str] = []
    failed: set[Topic] = set()
    for message in messages:
        if message.topic in failed:
            continue  # each failure may have taken seconds, and somebody waits for an answer
        try:
            services.bus.publish(message.topic, message.data, message.attributes)
        except Exception:
            # Whatever it was, the commit stands: neither its answer nor the messages on other topics may fail for it.
            failed.add(message.topic)
            logger.exception("Not published yet", extra={"event": "publish_deferred", "topic": message.topic})
        else:
            published.append(message.outbox_id)

    def forget(tx: Transaction) -> None:
        for outbox_id in published:
            tx.delete(OUTBOX, outbox_id)

    try:
        if published:
            services.documents.transaction(forget)
    except Exception:
        # What they tell of is committed; that they are published once more does no harm.
        logger.exception("Still in the outbox", extra={"event": "publish_repeated"})
