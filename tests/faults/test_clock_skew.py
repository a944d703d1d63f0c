"""A desk whose clock is a day off, or is set while it works: only the server's clock and monotonic time count."""

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schemas.jobs import JobStatus
from tests.support.places import SHORT_LEASES, Place
from tests.support.require import Need, absent
from tests.support.scenes import studio_with

DAY_SECONDS = 86400
SOURCE = Path(__file__).with_name("skewed_clock.c")


@pytest.fixture(scope="module")
def skewed_clock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that moves the wall clock of the process it is preloaded into."""
    compiler = shutil.which("cc")
    if compiler is None:
        absent(Need.C_COMPILER, "install a C compiler called cc (package gcc), which builds a clock to be moved")
    library = tmp_path_factory.mktemp("skew") / "skewed_clock.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(SOURCE), "-ldl"], check=True)
    return library


@pytest.mark.parametrize(
    ("place", "skew_seconds"),
    [
        pytest.param("local", (DAY_SECONDS, DAY_SECONDS), id="local, a day ahead"),
        pytest.param("local", (-DAY_SECONDS, -DAY_SECONDS), id="local, a day behind"),
        pytest.param("local", (0, DAY_SECONDS), id="local, set ahead"),
        pytest.param("emulators", (0, -DAY_SECONDS), id="emulators, set back"),
    ],
    indirect=["place"],
)
def test_a_wrong_clock_changes_nothing(
    place: Place, clip: Path, tmp_path: Path, skewed_clock: Path, skew_seconds: tuple[int, int]
) -> None:
    before_seconds, during_seconds = skew_seconds
    skew = tmp_path / "skew"
    skew.write_text(str(before_seconds))
    with place.control_plane(tmp_path / "control-plane", SHORT_LEASES) as plane:
        studio = studio_with(plane.url, clip)
        studio.save_timeline(studio.asset_id, seconds=20)
        desk = place.daemon(tmp_path / "desk", plane.url)
        desk.environment.update({"LD_PRELOAD": str(skewed_clock), "SKEW_FILE": str(skew)})
        with desk:
            job_id = studio.ask_for_render()
            desk.wait_for_event("job_phase", phase="rendering")
            skew.write_text(str(during_seconds))
            job = studio.wait_for_end(job_id)
            assert (job.status, job.attempt) == (JobStatus.COMPLETED, 1)
            said_at = datetime.fromisoformat(desk.wait_for_event("job_completed")["at"])
            off = said_at - datetime.now(UTC) - timedelta(seconds=during_seconds)
            assert abs(off) < timedelta(hours=1), "the desk's clock was not moved at all"
            desk.wait_until_tidy()
