"""Fixtures for the tests of the Cloud Storage stand-in: a key, a clock one can move, the server, Google's client."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.cloud import storage

from tests.support.clock import MovableClock
from tests.support.gcs_standin import GcsStandin
from tests.support.signer import SignedUrls, SigningKey


@pytest.fixture(scope="session")
def signing_key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture
def moving_clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def standin(tmp_path: Path, signing_key: SigningKey, moving_clock: MovableClock) -> Iterator[GcsStandin]:
    with GcsStandin(tmp_path / "gcs", signing_key.public_key, clock=moving_clock) as running:
        yield running


@pytest.fixture
def storage_client(standin: GcsStandin, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", standin.url)
    client = storage.Client(project="test", credentials=SigningKey.generate().credentials())
    yield client
    client.close()


@pytest.fixture
def bucket(storage_client: Any) -> Any:
    return storage_client.create_bucket("media")


@pytest.fixture
def sign(bucket: Any, signing_key: SigningKey, standin: GcsStandin) -> SignedUrls:
    return SignedUrls(bucket, signing_key, standin.url)


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=30, trust_env=False) as client:
        yield client
