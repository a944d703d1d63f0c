"""People step in while a desk renders: they cancel, or delete the whole project."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from functions.domain.assets import ASSETS
from functions.domain.renders import RENDERS
from functions.ports import Document, Services, Where
from schemas.jobs import JobStatus
from tests.support.places import Place
from tests.support.processes import TOKEN, ControlPlaneProcess, DaemonProcess, wait_for
from tests.support.studio import SLOW, Studio

LONG_SECONDS = 600
"""Of film: no machine renders that while a test looks."""
PROMPT_SECONDS = 10
"""The promise is a second; a machine that is busy with other things gets more."""


@dataclass(frozen=True)
class Rendering:
    """A desk in the middle of a long render."""

    desk: DaemonProcess
    job_id: str


@pytest.fixture
def rendering(place: Place, control_plane: ControlPlaneProcess, studio: Studio, tmp_path: Path) -> Iterator[Rendering]:
    studio.save_timeline(studio.asset_id, seconds=LONG_SECONDS)
    with place.daemon(tmp_path / "desk", control_plane.url) as desk:
        job_id = studio.ask_for_render(SLOW)
        desk.wait_for_event("job_phase", job_id=job_id, phase="rendering")
        wait_for("ffmpeg", desk.encoders)
        yield Rendering(desk, job_id)


def test_a_cancel_reaches_a_busy_desk(
    rendering: Rendering, studio: Studio, record_property: Callable[[str, object], None]
) -> None:
    started = time.monotonic()
    studio.cancel(rendering.job_id)
    job = studio.wait_for_end(rendering.job_id)
    seconds = time.monotonic() - started
    record_property("cancel_seconds", round(seconds, 3))
    assert (job.status, job.attempt) == (JobStatus.CANCELLED, 1)
    assert seconds < PROMPT_SECONDS
    assert job.events[-1].actor.startswith("worker:")
    rendering.desk.wait_for_event("job_cancelled", job_id=rendering.job_id)
    rendering.desk.wait_until_tidy()


def test_a_project_deleted_while_it_is_rendered_leaves_nothing_anywhere(
    rendering: Rendering, place: Place, control_plane: ControlPlaneProcess, studio: Studio, clip: Path
) -> None:
    with (
        place.services(control_plane) as services,
        httpx.Client(
            base_url=control_plane.url, headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False, timeout=30
        ) as http,
    ):
        (asset,) = _owned(services, ASSETS, studio.project_id)
        assert http.delete(f"/projects/{studio.project_id}").status_code == 200
        assert http.get(f"/projects/{studio.project_id}/renders/{rendering.job_id}").status_code == 404
        rendering.desk.wait_for_event("job_lost", job_id=rendering.job_id)
        rendering.desk.wait_until_tidy()
        wait_for("the project's records to go", lambda: not _owned(services, RENDERS, studio.project_id))
        wait_for("the project's objects to go", lambda: services.objects.stat(str(asset["object_name"])) is None)
    assert rendering.desk.child.poll() is None
    other = Studio(studio.url)
    other.save_timeline(other.add_asset(clip, "video/mp4"))
    assert other.wait_for_end(other.ask_for_render()).status is JobStatus.COMPLETED


def _owned(services: Services, collection: str, project_id: str) -> list[Document]:
    return services.documents.query(collection, Where("project_id", "==", project_id))
