"""What the control plane needs from the outside, as protocols. Handlers see only these; ``wiring`` chooses adapters."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO, Literal, Protocol, TypeVar

from functions.settings import Settings
from schemas.events import Topic
from schemas.workers import Subscription

T = TypeVar("T")

Document = dict[str, Any]
"""JSON values and aware UTC datetimes (microseconds); at most 1 MiB, the limit of Firestore."""

Clock = Callable[[], datetime]
"""Aware UTC time of the server, the only clock that decides about leases."""


@dataclass(frozen=True)
class Where:
    """One condition of a query. ``contains`` matches documents whose array ``field`` has ``value`` as an element."""

    field: str
    op: Literal["==", "<=", "contains"]
    value: str | int | datetime


class Transaction(Protocol):
    """Serialisable reads and writes of one commit. All reads come before the first write (Firestore's rule)."""

    def get(self, collection: str, doc_id: str) -> Document | None:
        """Read a document; RuntimeError after a write in the same transaction."""

    def put(self, collection: str, doc_id: str, document: Document) -> None:
        """Write the whole document, new or not."""

    def delete(self, collection: str, doc_id: str) -> None:
        """Remove the document if it is there."""


class DocumentStore(Protocol):
    """Documents by collection and id. Adapters: Firestore, SQLite."""

    def get(self, collection: str, doc_id: str) -> Document | None:
        """Read one document outside of a transaction."""

    def query(
        self,
        collection: str,
        *where: Where,
        order_by: str | None = None,
        descending: bool = False,
        limit: int = 100,
        offset: int = 0,
    ) -> list[Document]:
        """Documents that meet all conditions; ordered by one field that all of them have."""

    def count(self, collection: str, *where: Where) -> int:
        """How many documents meet all conditions."""

    def transaction(self, change: Callable[[Transaction], T]) -> T:
        """Run ``change`` atomically and return its result.

        ``change`` may run several times, so it has no side effects; what it raises rolls back and propagates.
        Raises ``errors.Contention`` when it could not commit within the store's patience (about ten seconds).
        """


@dataclass(frozen=True)
class ObjectInfo:
    """An object as its store sees it. ``crc32c`` is base64 of the big-endian bytes, as Cloud Storage writes it."""

    name: str
    size_bytes: int
    crc32c: str
    content_type: str
    created_at: datetime


@dataclass(frozen=True)
class SignedUpload:
    """A URL for one PUT, or a session for resumable PUTs; every header must be sent as given."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


RESUMABLE_SECONDS = 7 * 24 * 3600
"""Life of a resumable session at every store, because Cloud Storage's last so long."""


@dataclass(frozen=True)
class UploadBinding:
    """What a signed upload is bound to. None leaves that property to the check at the end.

    ``max_bytes`` bounds a PUT of unknown size where the store can do so without a header of the client: in a folder.
    """

    content_type: str | None = None
    size_bytes: int | None = None
    crc32c: str | None = None
    max_bytes: int | None = None


class ObjectStore(Protocol):
    """Bytes by name in one bucket. Adapters: Cloud Storage, a folder. Names come from us, never from a caller."""

    bucket: str

    def sign_upload(self, name: str, binding: UploadBinding, *, expires_seconds: int) -> SignedUpload:
        """A URL that takes one PUT of ``name``. With a size it never overwrites (generation 0 is bound too)."""

    def start_resumable(self, name: str, binding: UploadBinding) -> SignedUpload:
        """A resumable session (Cloud Storage protocol) for ``name``; needs a content type and a size.

        ``errors.Contention`` when there is an object of that name: a session never replaces one.
        """

    def sign_download(self, name: str, *, expires_seconds: int, file_name: str | None = None) -> str:
        """A URL that answers GET and HEAD with Range; ``file_name`` sets the name a browser saves it under."""

    def stat(self, name: str) -> ObjectInfo | None:
        """What the store has under ``name``."""

    def write(self, name: str, data: BinaryIO, *, content_type: str) -> ObjectInfo:
        """Store a stream under ``name``, replacing what is there, without holding it in memory."""

    def open(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Read the object as a seekable stream; ``errors.NotFound`` if it is not there."""

    def delete(self, name: str) -> None:
        """Remove the object if it is there."""

    def delete_prefix(self, prefix: str) -> int:
        """Remove every object whose name starts with ``prefix``; how many there were."""


class Bell(Protocol):
    """Somebody who listens for doorbells of one pool."""

    def wait(self, timeout_seconds: float) -> bool:
        """Block until a doorbell may have rung since ``listen`` or the last wait; False when time ran out."""


class MessageBus(Protocol):
    """Publishes messages and connects desks to them. Adapters: Pub/Sub, SQLite."""

    def publish(self, topic: Topic, data: str, attributes: Mapping[str, str]) -> None:
        """Hand over one message; returns once it is stored. At least once, in no particular order."""

    def listen(self, pool: str) -> AbstractContextManager[Bell]:
        """Listen for the doorbells of ``pool``: from the moment of the call, no ring is missed."""

    def subscribe_worker(self, worker_id: str, pool: str) -> Subscription:
        """Make sure this worker hears the doorbells of ``pool``, and say how."""

    def unsubscribe_worker(self, worker_id: str) -> None:
        """Stop delivering to this worker."""

    def hang_up(self) -> None:
        """The process ends: every wait on a bell, now or later, raises ``errors.Unavailable``."""


@dataclass(frozen=True)
class Delivery:
    """One message on its way to an event function; ``handle`` is the adapter's own."""

    topic: Topic
    data: str
    attributes: Mapping[str, str]
    delivery_attempt: int
    handle: str


class DeliveryQueue(Protocol):
    """Pulls what Eventarc would push. Used by the local server only."""

    def receive(self, *, wait_seconds: float, limit: int) -> list[Delivery]:
        """Messages due for event functions; waits for the first one."""

    def ack(self, delivery: Delivery) -> None:
        """Done with it."""

    def nack(self, delivery: Delivery) -> None:
        """Deliver it again later; after five attempts it goes to the dead letters."""


@dataclass(frozen=True)
class AccessToken:
    """A short-lived bearer token."""

    token: str = field(repr=False)
    expires_in_seconds: int


class WorkerTokens(Protocol):
    """Mints Google access tokens that can pull a worker's subscription."""

    def mint(self, worker_id: str) -> AccessToken:
        """A fresh token; ``errors.NotApplicable`` where desks listen by polling."""


class RenderLauncher(Protocol):
    """Starts renders in the cloud. Adapter: Cloud Run jobs."""

    def check(self) -> None:
        """``errors.NotApplicable`` where no cloud render can be started."""

    def launch(self, *, job_id: str, project_id: str, claim_token: str) -> str:
        """Start one execution and return its id; it claims the job with ``claim_token``."""

    def cancel(self, execution_id: str) -> None:
        """Stop an execution that may still run; one that is over or gone is no error."""


class Services(Protocol):
    """Everything a handler may ask for. Members are built on first use, so a function pays only for its own."""

    @property
    def settings(self) -> Settings:
        """The settings this process started with."""

    @property
    def clock(self) -> Clock:
        """The server's clock."""

    @property
    def documents(self) -> DocumentStore:
        """The document store."""

    @property
    def objects(self) -> ObjectStore:
        """The object store."""

    @property
    def bus(self) -> MessageBus:
        """The message bus."""

    @property
    def worker_tokens(self) -> WorkerTokens:
        """Mints desks' Pub/Sub tokens."""

    @property
    def launcher(self) -> RenderLauncher:
        """Starts cloud renders."""
