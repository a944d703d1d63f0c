"""Settings and adapters of the ``gcp`` backend on Google's emulators and the stand-ins."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from functions.backends.gcp import objects
from functions.backends.gcp.bus import PubSubMessageBus
from functions.backends.gcp.delivery_queue import PubSubDeliveryQueue
from functions.backends.gcp.documents import FirestoreDocumentStore
from functions.backends.gcp.objects import GcsObjectStore
from functions.backends.gcp.topics import ensure_topics
from functions.settings import Settings
from tests.support.gcs_standin import GcsStandin
from tests.support.signer import SigningKey

GcpSettings = Callable[..., Settings]


@pytest.fixture
def gcp_settings(gcp_project: str) -> GcpSettings:
    """Makes settings of the backend for this test's own project."""

    def make(**values: object) -> Settings:
        return Settings.model_validate({"backend": "gcp", "GCP_PROJECT_ID": gcp_project, **values})

    return make


@pytest.fixture
def document_store(gcp_settings: GcpSettings, firestore_emulator: str) -> FirestoreDocumentStore:
    return FirestoreDocumentStore(gcp_settings(FIRESTORE_EMULATOR_HOST=firestore_emulator))


@pytest.fixture
def pubsub_settings(gcp_settings: GcpSettings, pubsub_emulator: str) -> Settings:
    settings = gcp_settings(PUBSUB_EMULATOR_HOST=pubsub_emulator)
    ensure_topics(settings)
    return settings


@pytest.fixture
def bus(pubsub_settings: Settings) -> PubSubMessageBus:
    return PubSubMessageBus(pubsub_settings)


@pytest.fixture
def delivery_queue(pubsub_settings: Settings) -> Iterator[PubSubDeliveryQueue]:
    queue = PubSubDeliveryQueue(pubsub_settings)
    yield queue
    queue.close()


@pytest.fixture
def storage_settings(
    gcp_settings: GcpSettings, gcs_standin: GcsStandin, signing_key: SigningKey, tmp_path: Path
) -> Settings:
    key_file = tmp_path / "signing-key.pem"
    signing_key.save(key_file)
    settings = gcp_settings(STORAGE_EMULATOR_HOST=gcs_standin.url, signing_key_file=key_file)
    objects.ensure_bucket(settings)
    return settings


@pytest.fixture
def object_store(storage_settings: Settings) -> GcsObjectStore:
    return GcsObjectStore(storage_settings)
