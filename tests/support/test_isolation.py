"""Tests see nothing of the person who runs them and cannot leave this machine."""

import socket
import urllib.request
from collections.abc import Iterator

import pytest

from functions.settings import Backend, Settings
from tests.conftest import ForeignHost


@pytest.mark.parametrize("host", ["192.0.2.1", "example.com", "2001:db8::1"])
def test_a_connection_to_another_machine_is_refused(host: str) -> None:
    with pytest.raises(ForeignHost, match=host):
        socket.create_connection((host, 80), timeout=5)


def test_loopback_is_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as connection:
        assert connection.getpeername() == server.getsockname()


@pytest.fixture(scope="module", autouse=True)
def somebodys_environment() -> Iterator[None]:
    """Set before a test's own environment is cleared, as a shell would."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("DESKRUN_BACKEND", "GCP_PROJECT_ID", "GOOGLE_CLOUD_PROJECT", "DEV_API_TOKEN", "https_proxy"):
            patch.setenv(name, "gcp")
        yield


def test_settings_of_the_person_are_gone() -> None:
    settings = Settings()

    assert (settings.backend, settings.gcp_project_id, settings.dev_api_token) == (Backend.LOCAL, None, None)
    assert urllib.request.getproxies_environment() == {}
