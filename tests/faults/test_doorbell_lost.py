"""Pub/Sub out of reach, for the control plane or for the desk: a lost doorbell costs a heartbeat, not a job."""

from pathlib import Path

import pytest

from functions.domain.outbox import OUTBOX
from schemas.jobs import JobStatus
from tests.support.network import Line
from tests.support.places import SHORT_LEASES, on_emulators
from tests.support.processes import wait_for
from tests.support.scenes import studio_with


@pytest.mark.parametrize("deaf", ["control plane", "desk"])
def test_without_pubsub_the_heartbeat_brings_the_job(
    firestore_emulator: str, pubsub_emulator: str, clip: Path, tmp_path: Path, deaf: str
) -> None:
    with (
        on_emulators(tmp_path, firestore=firestore_emulator, pubsub=pubsub_emulator) as place,
        Line(pubsub_emulator) as line,
    ):
        plane = place.control_plane(tmp_path / "control-plane", SHORT_LEASES)
        desk = place.daemon(tmp_path / "desk", plane.url)
        (plane if deaf == "control plane" else desk).environment["PUBSUB_EMULATOR_HOST"] = line.host
        with plane, desk, place.services(plane) as services:
            studio = studio_with(plane.url, clip)
            desk.wait_for_event("subscription_started")
            line.cut()
            job = studio.wait_for_end(studio.ask_for_render())
            assert (job.status, job.attempt) == (JobStatus.COMPLETED, 1)
            if deaf == "control plane":
                assert services.documents.count(OUTBOX) == 1
            line.mend()
            # Now the doorbell rings, late: nobody takes it for a new job.
            wait_for("an empty outbox", lambda: services.documents.count(OUTBOX) == 0)
            again = studio.wait_for_end(studio.ask_for_render())
            assert (again.status, again.attempt) == (JobStatus.COMPLETED, 1)
            assert studio.job(job.job_id).events == job.events
            assert [record["job_id"] for record in desk.records("job_claimed")] == [job.job_id, again.job_id]
