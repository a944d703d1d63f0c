"""The composition root: the only module that names a backend. Called at entry points."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache

from starlette.routing import BaseRoute

from functions.ports import (
    Clock,
    DeliveryQueue,
    DocumentStore,
    MessageBus,
    ObjectInfo,
    ObjectStore,
    RenderLauncher,
    Services,
    WorkerTokens,
)
from functions.settings import Backend, Settings
from schemas.events import StorageObject, Topic

# An instance loads only the SDKs that its one function uses, so adapters are imported where they are built.
# ruff: noqa: PLC0415


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class ServiceSet:
    """Services that are all there, as the local backend builds them."""

    settings: Settings
    clock: Clock
    documents: DocumentStore
    objects: ObjectStore
    bus: MessageBus
    worker_tokens: WorkerTokens
    launcher: RenderLauncher


class GoogleServices:
    """Services on Google Cloud or its emulators, each built when it is first asked for."""

    def __init__(self, settings: Settings, clock: Clock = _utc_now) -> None:
        self.settings = settings
        self.clock = clock

    @cached_property
    def documents(self) -> DocumentStore:
        """Firestore."""
        from functions.backends.gcp.documents import FirestoreDocumentStore

        return FirestoreDocumentStore(self.settings)

    @cached_property
    def objects(self) -> ObjectStore:
        """Cloud Storage."""
        from functions.backends.gcp.objects import GcsObjectStore

        return GcsObjectStore(self.settings)

    @cached_property
    def bus(self) -> MessageBus:
        """Pub/Sub."""
        from functions.backends.gcp.bus import PubSubMessageBus

        return PubSubMessageBus(self.settings)

    @cached_property
    def worker_tokens(self) -> WorkerTokens:
        """IAM Credentials."""
        from functions.backends.gcp.worker_tokens import IamWorkerTokens

        return IamWorkerTokens(self.settings)

    @cached_property
    def launcher(self) -> RenderLauncher:
        """Cloud Run."""
        from functions.backends.gcp.launcher import CloudRunLauncher

        return CloudRunLauncher(self.settings)


def _nothing() -> None:
    """Cloud Storage's lifecycle rules sweep by themselves."""


@dataclass(frozen=True)
class LocalParts:
    """What the local server needs besides the services."""

    services: Services
    queue: DeliveryQueue
    routes: Sequence[BaseRoute]
    sweep: Callable[[], None]
    """Removes what kills left behind; to be called at the start and every hour."""
    close: Callable[[], None]


def local_parts(settings: Settings, clock: Clock = _utc_now) -> LocalParts:
    """Everything for a local server on the backend that the settings name."""
    if settings.backend is Backend.GCP:
        from functions.backends.gcp.delivery_queue import PubSubDeliveryQueue
        from functions.backends.gcp.objects import ensure_bucket
        from functions.backends.gcp.topics import ensure_topics

        if settings.pubsub_emulator_host:
            ensure_topics(settings)
        if settings.storage_emulator_host:
            ensure_bucket(settings)
        services = GoogleServices(settings, clock)
        queue = PubSubDeliveryQueue(settings)
        return LocalParts(services=services, queue=queue, routes=[], sweep=_nothing, close=queue.close)
    return _local(settings, clock)


def _local(settings: Settings, clock: Clock) -> LocalParts:
    from functions.backends.local import object_server
    from functions.backends.local.bus import SqliteMessageBus
    from functions.backends.local.database import Database
    from functions.backends.local.documents import SqliteDocumentStore
    from functions.backends.local.launcher import NoRenderLauncher
    from functions.backends.local.objects import FolderObjectStore
    from functions.backends.local.worker_tokens import NoWorkerTokens

    database = Database(settings.data_dir / "deskrun.sqlite3")
    bus = SqliteMessageBus(database, clock)

    def tell(info: ObjectInfo) -> None:
        event = StorageObject(
            bucket=settings.gcs_bucket,
            name=info.name,
            size=info.size_bytes,
            crc32c=info.crc32c,
            contentType=info.content_type,
        )
        bus.publish(Topic.OBJECT_FINALIZED, event.model_dump_json(by_alias=True), {})

    objects = FolderObjectStore(
        database,
        settings.data_dir,
        bucket=settings.gcs_bucket,
        public_url=settings.public_url,
        clock=clock,
        on_finalized=tell,
    )
    services = ServiceSet(
        settings=settings,
        clock=clock,
        documents=SqliteDocumentStore(database),
        objects=objects,
        bus=bus,
        worker_tokens=NoWorkerTokens(),
        launcher=NoRenderLauncher(),
    )
    return LocalParts(
        services=services,
        queue=bus,
        routes=object_server.routes(objects),
        sweep=objects.sweep,
        close=database.close,
    )


@lru_cache(maxsize=1)
def services() -> Services:
    """The services of a deployed function, from its environment."""
    settings = Settings()
    return GoogleServices(settings) if settings.backend is Backend.GCP else _local(settings, _utc_now).services
