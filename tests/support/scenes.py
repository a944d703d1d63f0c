"""Fixtures of tests with real processes: a clip worth rendering, a control plane in each place, a project in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.media import MediaShelf
from tests.support.places import SHORT_LEASES, Place
from tests.support.processes import ControlPlaneProcess
from tests.support.studio import Studio
from worker.render.ffmpeg import find_ffmpeg


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten busy seconds with sound, which an encoder cannot hurry through."""
    shelf = MediaShelf(tmp_path_factory.mktemp("scene-media"), find_ffmpeg())
    picture = "testsrc2=s=640x360:r=30:d=10"
    sound = "aevalsrc=exprs='0.1*sin(2*PI*440*t)':s=48000:d=10"
    return shelf.make("busy.mp4", [picture, sound], ["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"])


@pytest.fixture
def control_plane(place: Place, tmp_path: Path) -> Iterator[ControlPlaneProcess]:
    """A running control plane whose leases are short."""
    with place.control_plane(tmp_path / "control-plane", SHORT_LEASES) as process:
        yield process


@pytest.fixture
def studio(control_plane: ControlPlaneProcess, clip: Path) -> Studio:
    """A project with the clip as asset, and a timeline of its first second."""
    return studio_with(control_plane.url, clip)


def studio_with(url: str, clip: Path) -> Studio:
    """A project with the clip as asset, and a timeline of its first second, at that control plane."""
    studio = Studio(url)
    studio.asset_id = studio.add_asset(clip, "video/mp4")
    studio.save_timeline(studio.asset_id)
    return studio
