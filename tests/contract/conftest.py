"""One fixture per port, each once for every backend: a behaviour suite that asks for it runs on all of them."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from functions.backends.gcp import objects as gcs
from functions.backends.gcp.bus import PubSubMessageBus
from functions.backends.gcp.delivery_queue import PubSubDeliveryQueue
from functions.backends.gcp.documents import FirestoreDocumentStore
from functions.backends.gcp.topics import ensure_topics
from functions.backends.local.bus import SqliteMessageBus
from functions.backends.local.database import Database
from functions.backends.local.documents import SqliteDocumentStore
from functions.backends.local.object_server import routes
from functions.backends.local.objects import FolderObjectStore
from functions.ports import DeliveryQueue, DocumentStore, MessageBus, ObjectStore
from functions.settings import Backend, Settings
from tests.contract.loopback import free_socket, serving
from tests.support.clock import MovableClock
from tests.support.gcs_standin import GcsStandin
from tests.support.signer import SigningKey

on_every_backend = pytest.fixture(params=[backend.value for backend in Backend])


@dataclass(frozen=True)
class Messaging:
    """A bus, the queue that its event messages come out of, and a way to let time pass on both."""

    bus: MessageBus
    queue: DeliveryQueue
    pass_seconds: Callable[[float], None]


@dataclass(frozen=True)
class Storage:
    """An object store and a client for its signed URLs."""

    objects: ObjectStore
    http: httpx.Client


def _google(**settings: str) -> Settings:
    return Settings.model_validate({"backend": Backend.GCP, **settings})


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "deskrun.sqlite3")
    yield opened
    opened.close()


@on_every_backend
def document_store(request: pytest.FixtureRequest) -> DocumentStore:
    if request.param == Backend.LOCAL:
        return SqliteDocumentStore(request.getfixturevalue("database"))
    host = request.getfixturevalue("firestore_emulator")
    project = request.getfixturevalue("gcp_project")
    return FirestoreDocumentStore(_google(GCP_PROJECT_ID=project, FIRESTORE_EMULATOR_HOST=host))


@on_every_backend
def messaging(request: pytest.FixtureRequest) -> Iterator[Messaging]:
    if request.param == Backend.LOCAL:
        clock = MovableClock()

        def move_clock(seconds: float) -> None:
            clock.offset += timedelta(seconds=seconds)

        bus = SqliteMessageBus(request.getfixturevalue("database"), clock)
        yield Messaging(bus, bus, move_clock)
        return
    host = request.getfixturevalue("pubsub_emulator")
    settings = _google(GCP_PROJECT_ID=request.getfixturevalue("gcp_project"), PUBSUB_EMULATOR_HOST=host)
    ensure_topics(settings)
    queue = PubSubDeliveryQueue(settings)
    yield Messaging(PubSubMessageBus(settings), queue, time.sleep)
    queue.close()


@on_every_backend
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    with httpx.Client(timeout=60) as http:
        if request.param == Backend.LOCAL:
            database: Database = request.getfixturevalue("database")
            with free_socket() as (listener, url):
                store = FolderObjectStore(database, tmp_path, bucket="deskrun", public_url=url, clock=MovableClock())
                with serving(Starlette(routes=routes(store)), listener):
                    yield Storage(store, http)
            return
        standin: GcsStandin = request.getfixturevalue("gcs_standin")
        key: SigningKey = request.getfixturevalue("signing_key")
        settings = _google(GCP_PROJECT_ID="test", STORAGE_EMULATOR_HOST=standin.url)
        gcs.ensure_bucket(settings)
        yield Storage(gcs.GcsObjectStore(settings, signer=key.credentials()), http)
