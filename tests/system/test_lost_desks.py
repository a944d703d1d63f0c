"""Two desks and one job: a desk that is killed or suspended loses it to the other, and cannot get in its way later."""

import json
import signal
from pathlib import Path

import httpx
import pytest

from schemas.jobs import JobStatus
from tests.support.places import Place
from tests.support.processes import TOKEN, ControlPlaneProcess, DaemonProcess
from tests.support.studio import Studio
from worker.checksums import checksum_file


@pytest.fixture
def job_id(studio: Studio) -> str:
    """A second or more of work that waits for a desk."""
    studio.save_timeline(studio.asset_id, seconds=20)
    return studio.ask_for_render()


def stale_calls(url: str, project_id: str, job: dict[str, str]) -> list[tuple[int, str]]:
    """How a desk that lost the job is answered whatever it calls, with its user's token and its lease's."""
    base = f"{url}/projects/{project_id}/renders/{job['job_id']}"
    report = {"job_id": job["job_id"], "attempt": job["attempt"], "progress": 50}
    headers = {"Authorization": f"Bearer {TOKEN}", "X-Lease-Token": job["lease_token"]}
    with httpx.Client(headers=headers, trust_env=False, timeout=30) as http:
        answers = [
            http.post(f"{base}/webhook", json={**report, "status": "processing"}),
            http.post(f"{base}/webhook", json={**report, "status": "completed"}),
            http.post(f"{base}/webhook", json={**report, "status": "failed", "released": True}),
            http.post(f"{base}/upload-url", json={}),
            http.get(f"{base}/manifest"),
        ]
    return [(answer.status_code, answer.json()["code"]) for answer in answers]


def check_second_attempt(studio: Studio, job_id: str, tmp_path: Path) -> None:
    job = studio.job(job_id)
    assert (job.status, job.attempt) == (JobStatus.COMPLETED, 2)
    steps = [(event.to_status, event.attempt) for event in job.events if event.to_status is JobStatus.PROCESSING]
    assert steps == [(JobStatus.PROCESSING, 1), (JobStatus.PROCESSING, 2)]
    assert [event.to_status for event in job.events].count(JobStatus.COMPLETED) == 1
    output = studio.download_output(job_id, tmp_path / "output.mp4")
    assert checksum_file(output).crc32c == job.output_crc32c


def test_a_killed_desk_loses_its_job_to_the_other(
    place: Place, control_plane: ControlPlaneProcess, studio: Studio, job_id: str, tmp_path: Path
) -> None:
    with place.daemon(tmp_path / "first", control_plane.url) as first:
        first.wait_for_event("job_phase", job_id=job_id, phase="rendering")
        first.kill()
        with place.daemon(tmp_path / "second", control_plane.url) as second:
            second.wait_for_event("job_completed", job_id=job_id)
            second.wait_until_tidy()
        first.start()
        first.wait_for_event("job_lost", job_id=job_id)
        first.wait_until_tidy()
    check_second_attempt(studio, job_id, tmp_path)


def test_a_suspended_desk_is_refused_when_it_wakes(
    place: Place, control_plane: ControlPlaneProcess, studio: Studio, job_id: str, tmp_path: Path
) -> None:
    first = place.daemon(tmp_path / "first", control_plane.url)
    with first, place.daemon(tmp_path / "second", control_plane.url) as second:
        owner, other = _owner_first(first, second, job_id)
        owner.wait_for_event("job_phase", job_id=job_id, phase="rendering")
        owner.signal(signal.SIGSTOP)
        held = json.loads((owner.data_dir / "jobs" / job_id / "job.json").read_bytes())
        other.wait_for_event("job_claimed", job_id=job_id, attempt=2)
        refused = [(409, "lease_lost")] * 5
        assert stale_calls(control_plane.url, studio.project_id, held) == refused
        other.wait_for_event("job_completed", job_id=job_id)
        assert stale_calls(control_plane.url, studio.project_id, held) == refused
        owner.signal(signal.SIGCONT)
        owner.wait_for_event("job_lost", job_id=job_id)
        for desk in (owner, other):
            desk.wait_until_tidy()
    check_second_attempt(studio, job_id, tmp_path)


def _owner_first(one: DaemonProcess, two: DaemonProcess, job_id: str) -> tuple[DaemonProcess, DaemonProcess]:
    for desk in (one, two):
        desk.wait_for_event("worker_registered")
    while True:
        for owner, other in ((one, two), (two, one)):
            if any(record["job_id"] == job_id for record in owner.records("job_claimed")):
                return owner, other
