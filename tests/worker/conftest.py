"""Fixtures of the daemon's tests: a real control plane, a real daemon, and media that takes as long as a test needs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.media import MediaShelf
from tests.support.processes import ControlPlaneProcess, DaemonProcess
from tests.support.studio import Studio
from worker.render.ffmpeg import find_ffmpeg

SHORT_LEASE_SECONDS = 4
"""For tests in which a desk has to be missed: ``@pytest.mark.parametrize("lease_seconds", [SHORT_LEASE_SECONDS])``."""


@pytest.fixture
def lease_seconds() -> int:
    """Longer than a daemon takes to start again on the slowest machine."""
    return 60


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten busy seconds that an encoder cannot hurry through."""
    shelf = MediaShelf(tmp_path_factory.mktemp("daemon-media"), find_ffmpeg())
    picture = "testsrc2=s=640x360:r=30:d=10"
    sound = "aevalsrc=exprs='0.1*sin(2*PI*440*t)':s=48000:d=10"
    return shelf.make("busy.mp4", [picture, sound], ["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"])


@pytest.fixture
def control_plane(tmp_path: Path, lease_seconds: int) -> Iterator[ControlPlaneProcess]:
    """A running control plane with leases of ``lease_seconds``."""
    settings = {"DESKRUN_LEASE_SECONDS": str(lease_seconds), "DESKRUN_HEARTBEAT_SECONDS": "1"}
    with ControlPlaneProcess(tmp_path / "control-plane", settings=settings) as process:
        yield process


@pytest.fixture
def daemon(tmp_path: Path, control_plane: ControlPlaneProcess) -> Iterator[DaemonProcess]:
    """A running daemon with one slot."""
    with DaemonProcess(tmp_path / "desk", control_plane.url) as process:
        yield process


@pytest.fixture
def studio(control_plane: ControlPlaneProcess, clip: Path) -> Studio:
    """A project with the busy clip as asset, and a timeline of its first second."""
    studio = Studio(control_plane.url)
    studio.asset_id = studio.add_asset(clip, "video/mp4")
    studio.save_timeline(studio.asset_id)
    return studio
