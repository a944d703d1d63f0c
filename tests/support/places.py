"""Where a whole deskrun runs in tests: on the local backend, or on Google's emulators with the Cloud Storage stand-in.

System and fault tests take the ``place`` fixture, which runs them in both; the benches use the functions.
"""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from functions import wiring
from functions.ports import Services
from functions.settings import Settings
from tests.support.processes import ControlPlaneProcess, DaemonProcess, GcsStandinProcess
from tests.support.signer import SigningKey

SHORT_LEASES = {"DESKRUN_LEASE_SECONDS": "4", "DESKRUN_HEARTBEAT_SECONDS": "1"}
"""So that a lost desk is noticed within a test's patience."""


@dataclass(frozen=True)
class Place:
    """One of the two; what its processes find in their environment."""

    name: str
    settings: Mapping[str, str] = field(default_factory=dict)
    worker_environment: Mapping[str, str] = field(default_factory=dict)

    def control_plane(self, folder: Path, settings: Mapping[str, str] | None = None) -> ControlPlaneProcess:
        """A control plane here, not started yet."""
        return ControlPlaneProcess(folder, settings={**self.settings, **(settings or {})})

    @contextmanager
    def services(self, control_plane: ControlPlaneProcess) -> Iterator[Services]:
        """The same store, objects and bus as the control plane's, opened from the test's own process."""
        with pytest.MonkeyPatch.context() as environment:
            for name, value in control_plane.environment.items():
                environment.setenv(name, value)
            settings = Settings(data_dir=control_plane.folder, public_url=control_plane.url)
        parts = wiring.local_parts(settings)
        try:
            yield parts.services
        finally:
            parts.close()

    def daemon(self, data_dir: Path, url: str, **settings: object) -> DaemonProcess:
        """A daemon of that control plane, not started yet."""
        daemon = DaemonProcess(data_dir, url, **settings)
        daemon.environment.update(self.worker_environment)
        return daemon


LOCAL = Place("local")


@contextmanager
def on_emulators(folder: Path, *, firestore: str, pubsub: str) -> Iterator[Place]:
    """An empty place on running emulators (``host:port``) with a Cloud Storage stand-in of its own below ``folder``."""
    project = f"test-{uuid.uuid4().hex[:20]}"
    key = SigningKey.generate()
    key.save(folder / "signing-key.pem")
    public_key = folder / "signing-key.pub.pem"
    public_key.write_bytes(
        key.public_key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    standin = GcsStandinProcess(
        folder / "gcs-standin",
        public_key=public_key,
        notify_topic=f"projects/{project}/topics/deskrun-object-finalized",
        pubsub_emulator_host=pubsub,
    )
    with standin:
        settings = {
            "DESKRUN_BACKEND": "gcp",
            "GCP_PROJECT_ID": project,
            "FIRESTORE_EMULATOR_HOST": firestore,
            "PUBSUB_EMULATOR_HOST": pubsub,
            "STORAGE_EMULATOR_HOST": standin.url,
            "DESKRUN_SIGNING_KEY_FILE": str(folder / "signing-key.pem"),
            "NO_GCE_CHECK": "true",
        }
        yield Place("emulators", settings, {"PUBSUB_EMULATOR_HOST": pubsub, "NO_GCE_CHECK": "true"})


@pytest.fixture(params=["local", "emulators"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Each of the two places in turn."""
    if request.param == LOCAL.name:
        yield LOCAL
        return
    hosts = {name: request.getfixturevalue(f"{name}_emulator") for name in ("firestore", "pubsub")}
    with on_emulators(tmp_path, **hosts) as emulators:
        yield emulators
