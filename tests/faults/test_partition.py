"""The network between a desk and the rest is gone for a while, shorter or longer than a lease."""

import time
from pathlib import Path

import pytest

from schemas.jobs import JobStatus
from tests.support.network import HttpLine
from tests.support.places import LOCAL, SHORT_LEASES
from tests.support.scenes import studio_with

LEASE_SECONDS = float(SHORT_LEASES["DESKRUN_LEASE_SECONDS"])


@pytest.mark.parametrize("phase", ["rendering", "uploading"])
def test_shorter_than_a_lease_the_same_attempt_goes_on(clip: Path, tmp_path: Path, phase: str) -> None:
    plane = LOCAL.control_plane(tmp_path / "control-plane", {**SHORT_LEASES, "DESKRUN_LEASE_SECONDS": "30"})
    with HttpLine(plane.url) as line:
        plane.public_url = line.url
        with plane, LOCAL.daemon(tmp_path / "desk", line.url) as desk:
            studio = studio_with(plane.url, clip)
            studio.save_timeline(studio.asset_id, seconds=20)
            job_id = studio.ask_for_render()
            desk.wait_for_event("job_phase", phase=phase)
            line.cut()
            desk.wait_for_event("control_plane_trouble", count=2)
            line.mend()
            job = studio.wait_for_end(job_id)
            assert (job.status, job.attempt) == (JobStatus.COMPLETED, 1)
            desk.wait_until_tidy()


def test_longer_than_a_lease_another_desk_does_it_and_the_first_discards_its_work(clip: Path, tmp_path: Path) -> None:
    plane = LOCAL.control_plane(tmp_path / "control-plane", SHORT_LEASES)
    with plane, HttpLine(plane.url) as line, LOCAL.daemon(tmp_path / "far", line.url) as far:
        studio = studio_with(line.url, clip)
        studio.save_timeline(studio.asset_id, seconds=20)
        job_id = studio.ask_for_render()
        far.wait_for_event("job_phase", phase="rendering")
        line.cut()
        with LOCAL.daemon(tmp_path / "near", plane.url) as near:
            near.wait_for_event("job_completed", job_id=job_id, attempt=2)
            time.sleep(LEASE_SECONDS)  # the far desk has long finished its own, and waits for the network
            line.mend()
            far.wait_for_event("job_lost", job_id=job_id)
            for desk in (far, near):
                desk.wait_until_tidy()
        studio.url = plane.url
        job = studio.job(job_id)
        assert (job.status, job.attempt) == (JobStatus.COMPLETED, 2)
        assert [event.to_status for event in job.events].count(JobStatus.COMPLETED) == 1
