"""Without emulators every adapter goes to Google's own address with the function's own account, and is cheap to load.

Nothing is sent: clients connect when they are first used.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from functions.backends.gcp import objects
from functions.backends.gcp.bus import PubSubMessageBus
from functions.backends.gcp.documents import FirestoreDocumentStore
from functions.backends.gcp.iam import IamCredentials
from functions.backends.gcp.launcher import CloudRunLauncher
from functions.backends.gcp.objects import GcsObjectStore
from functions.settings import Settings
from schemas.workers import PollSubscription
from tests.functions.backends.gcp.conftest import GcpSettings
from tests.support.signer import SigningKey

ACCOUNT = "function@project.iam.gserviceaccount.com"
SDKS = {"google.cloud.firestore_v1", "google.pubsub_v1", "google.cloud.storage", "google.cloud.run_v2"}
REPOSITORY = Path(__file__).parents[4]


@pytest.fixture
def cloud_settings(
    gcp_settings: GcpSettings, signing_key: SigningKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    key = tmp_path / "key.pem"
    signing_key.save(key)
    account = {
        "type": "service_account",
        "client_email": ACCOUNT,
        "private_key": key.read_text(),
        "token_uri": "http://127.0.0.1:9/token",
    }
    credentials = tmp_path / "credentials.json"
    credentials.write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(credentials))
    return gcp_settings()


def host(client: Any) -> str:
    transport_host: str = client.transport.host
    return transport_host


def test_each_client_goes_to_its_own_service(cloud_settings: Settings) -> None:
    bus, launcher = PubSubMessageBus(cloud_settings), CloudRunLauncher(cloud_settings)

    assert host(FirestoreDocumentStore(cloud_settings).client) == "firestore.googleapis.com:443"
    assert host(bus._publisher) == host(bus._subscriber) == "pubsub.googleapis.com:443"
    assert host(launcher._jobs) == host(launcher._executions) == "https://run.googleapis.com"
    assert GcsObjectStore(cloud_settings)._client.api_endpoint == "https://storage.googleapis.com"


def test_urls_are_signed_by_the_functions_own_account_unless_another_is_set(
    cloud_settings: Settings, gcp_settings: GcpSettings
) -> None:
    other = gcp_settings(signing_service_account="other@project.iam.gserviceaccount.com")

    assert objects._signer(cloud_settings).signer_email == ACCOUNT
    assert objects._signer(other).signer_email == "other@project.iam.gserviceaccount.com"
    assert IamCredentials().own_account() == ACCOUNT


@pytest.mark.parametrize(
    ("module", "needed"),
    [
        ("documents", {"google.cloud.firestore_v1"}),
        ("bus", {"google.pubsub_v1"}),
        ("objects", {"google.cloud.storage"}),
        ("worker_tokens", set()),
        ("launcher", {"google.cloud.run_v2"}),
    ],
)
def test_an_adapter_loads_the_sdk_of_its_own_port_only(module: str, needed: set[str]) -> None:
    code = f"import sys, functions.backends.gcp.{module}; print(*sys.modules)"

    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=60
    )

    assert SDKS.intersection(loaded.stdout.split()) == needed


def test_desks_poll_where_nobody_could_give_them_a_token(cloud_settings: Settings) -> None:
    assert cloud_settings.worker_service_account is None
    assert PubSubMessageBus(cloud_settings).subscribe_worker("w-1", "ann") == PollSubscription()
