"""One control plane for all API tests of a run. Tests share no user, so none sees what another made."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.builders import Desk
from tests.support.control_plane import LocalControlPlane
from tests.support.gcs_standin import GcsStandin
from tests.support.signer import SigningKey


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalControlPlane]:
    """On the local backend; its clock only ever moves forward."""
    with LocalControlPlane(tmp_path_factory.mktemp("control-plane")) as running:
        yield running


@pytest.fixture
def google_control_plane(
    tmp_path: Path,
    *,
    gcp_project: str,
    firestore_emulator: str,
    pubsub_emulator: str,
    gcs_standin: GcsStandin,
    signing_key: SigningKey,
) -> Iterator[LocalControlPlane]:
    """On Google's emulators and the Cloud Storage stand-in, in a project of this test's own."""
    key_file = tmp_path / "key.pem"
    signing_key.save(key_file)
    google: dict[str, Any] = {
        "backend": "gcp",
        "GCP_PROJECT_ID": gcp_project,
        "FIRESTORE_EMULATOR_HOST": firestore_emulator,
        "PUBSUB_EMULATOR_HOST": pubsub_emulator,
        "STORAGE_EMULATOR_HOST": gcs_standin.url,
        "signing_key_file": key_file,
    }
    with LocalControlPlane(tmp_path, **google) as running:
        yield running


@pytest.fixture
def desk(control_plane: LocalControlPlane) -> Desk:
    """A user of this test's own."""
    return Desk(control_plane)


@pytest.fixture
def stranger(control_plane: LocalControlPlane) -> Desk:
    """Another user, who belongs to nothing."""
    return Desk(control_plane)
