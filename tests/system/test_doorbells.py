"""A doorbell that rings a hundred times for two desks: one claim, one render, one result."""

import signal
from datetime import timedelta
from pathlib import Path

import pytest

from functions.domain import outbox
from functions.domain.outbox import OUTBOX
from functions.domain.renders import RENDERS, RenderRecord
from functions.ports import Services
from functions.store import put_outbox
from schemas.events import DoorbellReason
from schemas.jobs import JobStatus
from tests.support.places import Place
from tests.support.processes import ControlPlaneProcess, DaemonProcess, wait_for
from tests.support.studio import Studio

RINGS = 100


def ring(services: Services, job_id: str) -> None:
    """Leave the job's doorbell in the outbox so many times, as if its handler had died each time; all are published."""
    document = services.documents.get(RENDERS, job_id)
    assert document is not None
    job = RenderRecord.load(document)
    long_ago = services.clock() - timedelta(minutes=1)
    bells = [bell for _ in range(RINGS) for bell in outbox.doorbells(job, DoorbellReason.JOB_QUEUED, now=long_ago)]
    services.documents.transaction(lambda tx: put_outbox(tx, bells))
    wait_for("an empty outbox", lambda: services.documents.count(OUTBOX) == 0)


def claims(desks: tuple[DaemonProcess, DaemonProcess]) -> list[str]:
    return [record["job_id"] for desk in desks for record in desk.records("job_claimed")]


@pytest.mark.parametrize("desks_are", ["listening late", "working"])
def test_a_hundred_doorbells_make_one_render(
    place: Place, control_plane: ControlPlaneProcess, studio: Studio, tmp_path: Path, desks_are: str
) -> None:
    studio.save_timeline(studio.asset_id, seconds=40)
    with (
        place.services(control_plane) as services,
        place.daemon(tmp_path / "one", control_plane.url, slots=4) as one,
        place.daemon(tmp_path / "two", control_plane.url, slots=4) as two,
    ):
        desks = (one, two)
        for desk in desks:
            desk.wait_for_event("worker_registered")
        if desks_are == "working":
            job_id = studio.ask_for_render()
            wait_for("a claim", lambda: claims(desks))
            ring(services, job_id)
        else:
            for desk in desks:
                desk.signal(signal.SIGSTOP)
            job_id = studio.ask_for_render()
            ring(services, job_id)
            for desk in desks:
                desk.signal(signal.SIGCONT)
        job = studio.wait_for_end(job_id)
        for desk in desks:
            desk.wait_until_tidy()
        assert (job.status, job.attempt) == (JobStatus.COMPLETED, 1)
        assert [event.to_status for event in job.events] == [
            "pending",
            "queued",
            "processing",
            "uploading",
            "completed",
        ]
        assert claims(desks) == [job_id]
    calls = [(request["function"], request["status"]) for request in control_plane.requests()]
    assert calls.count(("claim_render", 200)) == 1
    assert calls.count(("create_render_upload", 200)) == 1
