"""Fixtures of every test: a clean environment, no network beyond this machine, and Google's emulators."""

import ipaddress
import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import AliasChoices

from functions.settings import Settings
from tests.support import emulators
from tests.support.emulators import Emulator
from tests.support.gcs_standin import GcsStandin
from tests.support.require import absent, emulator_lack
from tests.support.signer import SigningKey


class ForeignHost(BaseException):
    """A test tried to leave this machine. Not an Exception, so that no retry or fallback can swallow it."""


def _refuse_foreign_hosts(event: str, arguments: tuple[Any, ...]) -> None:
    match event, arguments:
        case "socket.connect", (_, (host, *_)):
            pass
        case "socket.getaddrinfo", (host, *_):
            pass
        case _:
            return
    name = host.decode() if isinstance(host, bytes) else host
    if name in {None, "", "localhost"}:
        return
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        raise ForeignHost(f"a test asked for the address of {name}") from None
    if not address.is_loopback and not address.is_unspecified:
        raise ForeignHost(f"a test tried to connect to {name}")


sys.addaudithook(_refuse_foreign_hosts)


def _setting_names() -> set[str]:
    names: set[str] = set()
    for field in Settings.model_fields.values():
        alias = field.validation_alias
        if isinstance(alias, AliasChoices):
            names.update(choice for choice in alias.choices if isinstance(choice, str))
        elif isinstance(alias, str):
            names.add(alias)
    return names


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test sees no setting, credential or proxy of the person who runs it."""
    named = _setting_names() | {"GOOGLE_APPLICATION_CREDENTIALS", "GCLOUD_PROJECT", "RENDER_FFMPEG"}
    for name in list(os.environ):  # noqa: TID251 - cleared, not read
        if name in named or name.startswith("DESKRUN_") or name.upper().endswith(("_EMULATOR_HOST", "_PROXY")):
            monkeypatch.delenv(name)
    # google-auth would look for a metadata server, which on a laptop takes seconds to not be there.
    monkeypatch.setenv("NO_GCE_CHECK", "true")


def _emulator_host(emulator: Emulator) -> Iterator[str]:
    lack = None if emulator.running_host else emulator_lack(emulator.need)
    if lack:
        absent(emulator.need, lack)
    with emulators.running(emulator) as host:
        yield host


@pytest.fixture(scope="session")
def firestore_emulator() -> Iterator[str]:
    """``host:port`` of Google's Firestore emulator."""
    yield from _emulator_host(emulators.FIRESTORE)


@pytest.fixture(scope="session")
def pubsub_emulator() -> Iterator[str]:
    """``host:port`` of Google's Pub/Sub emulator."""
    yield from _emulator_host(emulators.PUBSUB)


@pytest.fixture
def gcp_project() -> str:
    """A project id nobody else uses: an empty database and no topics on the shared emulators."""
    return f"test-{uuid.uuid4().hex[:20]}"


@pytest.fixture(scope="session")
def signing_key() -> SigningKey:
    """The throw-away key whose signed URLs `gcs_standin` accepts."""
    return SigningKey.generate()


@pytest.fixture
def gcs_standin(tmp_path: Path, signing_key: SigningKey) -> Iterator[GcsStandin]:
    """A strict, empty Cloud Storage on loopback. Buckets are the test's to make."""
    with GcsStandin(tmp_path / "gcs-standin", signing_key.public_key) as standin:
        yield standin
