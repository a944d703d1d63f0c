"""A real daemon at a real control plane, in fair weather: work, cancel, drain, and one desk per data folder."""

import asyncio
import signal
from pathlib import Path

import pytest

from schemas.jobs import JobStatus
from schemas.message import Page
from tests.support.processes import TOKEN, ControlPlaneProcess, DaemonProcess, wait_for
from tests.support.studio import SLOW, Studio
from tests.worker.conftest import SHORT_LEASE_SECONDS
from worker.checksums import checksum_file
from worker.control_plane import ControlPlane
from worker.daemon import DataDirError, retire
from worker.render.probe import probe_media
from worker.settings import Settings


def test_a_render_goes_from_doorbell_to_a_checked_file(daemon: DaemonProcess, studio: Studio, tmp_path: Path) -> None:
    job = studio.wait_for_end(studio.ask_for_render())
    assert (job.status, job.progress, job.attempt) == (JobStatus.COMPLETED, 100, 1)
    steps = [event.to_status for event in job.events]
    assert steps == ["pending", "queued", "processing", "uploading", "completed"]
    output = studio.download_output(job.job_id, tmp_path / "result.mp4")
    assert (job.output_size_bytes, job.output_crc32c) == (output.stat().st_size, checksum_file(output).crc32c)
    assert probe_media(output).duration_seconds == pytest.approx(1, abs=0.1)
    daemon.wait_for_event("job_completed", job_id=job.job_id)
    assert daemon.leftovers() == []


def test_the_same_asset_is_downloaded_once(daemon: DaemonProcess, studio: Studio) -> None:
    for _ in range(2):
        assert studio.wait_for_end(studio.ask_for_render()).status is JobStatus.COMPLETED
    assert len(daemon.records("asset_fetched")) == 1


def test_a_local_file_with_the_bytes_of_the_asset_is_used_in_place(
    control_plane: ControlPlaneProcess, studio: Studio, clip: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    with DaemonProcess(tmp_path / "desk", control_plane.url, override_dirs=tmp_path / "mine") as daemon:
        daemon.wait_for_event("worker_registered")
        (tmp_path / "mine" / "whatever.mp4").write_bytes(clip.read_bytes())
        assert studio.wait_for_end(studio.ask_for_render()).status is JobStatus.COMPLETED
        assert daemon.wait_for_event("override_used")["file"].endswith("whatever.mp4")
        assert daemon.records("asset_fetched") == []


def test_a_cancel_reaches_a_busy_desk(daemon: DaemonProcess, studio: Studio) -> None:
    studio.save_timeline(studio.asset_id, seconds=600)
    job_id = studio.ask_for_render(SLOW)
    daemon.wait_for_event("job_phase", phase="rendering")
    wait_for("ffmpeg", daemon.encoders)
    studio.cancel(job_id)
    assert studio.wait_for_end(job_id).status is JobStatus.CANCELLED
    daemon.wait_for_event("job_cancelled", job_id=job_id)
    assert daemon.encoders() == []
    wait_for("an empty folder", lambda: daemon.leftovers() == [])


def test_a_job_that_cannot_be_rendered_fails_with_its_reason(daemon: DaemonProcess, studio: Studio, clip: Path) -> None:
    broken = clip.with_name("broken.mp4")
    broken.write_bytes(b"not a video" * 100)
    studio.save_timeline(studio.add_asset(broken, "video/mp4"))
    job = studio.wait_for_end(studio.ask_for_render())
    assert (job.status, job.error_code) == (JobStatus.FAILED, "unreadable_media")
    assert job.error_message
    daemon.wait_for_event("job_failed", job_id=job.job_id)
    wait_for("an empty folder", lambda: daemon.leftovers() == [])


def test_two_jobs_run_side_by_side_on_two_slots(
    control_plane: ControlPlaneProcess, studio: Studio, tmp_path: Path
) -> None:
    studio.save_timeline(studio.asset_id, seconds=600)
    with DaemonProcess(tmp_path / "desk", control_plane.url, slots=2) as daemon:
        jobs = [studio.ask_for_render(SLOW) for _ in range(3)]
        daemon.wait_for_event("job_phase", count=2, phase="rendering")
        for job_id in jobs[:2]:
            studio.wait_for_status(job_id, JobStatus.PROCESSING)
        assert studio.job(jobs[2]).status is JobStatus.QUEUED
        studio.cancel(jobs[0])
        studio.wait_for_status(jobs[2], JobStatus.PROCESSING)


def test_a_drain_lets_a_running_job_end(control_plane: ControlPlaneProcess, studio: Studio, tmp_path: Path) -> None:
    with DaemonProcess(tmp_path / "desk", control_plane.url, drain_seconds=60) as daemon:
        studio.save_timeline(studio.asset_id, seconds=5)
        job_id = studio.ask_for_render()
        daemon.wait_for_event("job_claimed")
        daemon.signal(signal.SIGTERM)
        assert daemon.wait() == 0
    assert studio.job(job_id).status is JobStatus.COMPLETED
    assert daemon.leftovers() == []


@pytest.mark.parametrize("lease_seconds", [SHORT_LEASE_SECONDS])
def test_a_drain_that_takes_too_long_hands_the_lease_back(
    control_plane: ControlPlaneProcess, studio: Studio, tmp_path: Path
) -> None:
    studio.save_timeline(studio.asset_id, seconds=600)
    with DaemonProcess(tmp_path / "desk", control_plane.url, drain_seconds=6) as daemon:
        job_id = studio.ask_for_render(SLOW)
        daemon.wait_for_event("job_phase", phase="rendering")
        daemon.signal(signal.SIGTERM)
        assert daemon.wait() == 0
        daemon.wait_for_event("job_released", job_id=job_id)
    job = studio.job(job_id)
    # The drain was longer than a lease, so the heartbeat went on; the attempt was given back, not lost.
    assert (job.status, job.attempt, job.events[-1].actor.partition(":")[0]) == (JobStatus.QUEUED, 1, "worker")
    assert daemon.leftovers() == []
    assert daemon.encoders() == []


def test_a_second_signal_ends_it_now_and_the_next_start_goes_on(
    control_plane: ControlPlaneProcess, studio: Studio, tmp_path: Path
) -> None:
    studio.save_timeline(studio.asset_id, seconds=8)
    with DaemonProcess(tmp_path / "desk", control_plane.url, drain_seconds=3600) as daemon:
        job_id = studio.ask_for_render(SLOW)
        daemon.wait_for_event("job_phase", phase="rendering")
        daemon.signal(signal.SIGTERM)
        daemon.wait_for_event("drain_started")
        daemon.signal(signal.SIGINT)
        assert daemon.wait() == 0
        daemon.wait_for_event("job_kept", job_id=job_id)
        assert daemon.encoders() == []
        daemon.start()
        daemon.wait_for_event("job_recovered", job_id=job_id)
        studio.cancel(job_id)
        assert studio.wait_for_end(job_id).status is JobStatus.CANCELLED


def test_a_second_daemon_on_the_same_folder_says_so_and_ends(daemon: DaemonProcess, tmp_path: Path) -> None:
    daemon.wait_for_event("worker_registered")
    with DaemonProcess(daemon.data_dir, "http://127.0.0.1:1") as second:
        second.log = tmp_path / "second.log"
        second.kill()
        second.start()
        assert second.wait() == 1
        assert "another deskrun worker" in second.wait_for_event("daemon_failed")["reason"]


def test_a_retired_desk_is_gone_from_the_list(daemon: DaemonProcess) -> None:
    daemon.wait_for_event("worker_registered")
    settings = Settings(data_dir=daemon.data_dir, control_plane_url=daemon.environment["DESKRUN_CONTROL_PLANE_URL"])

    async def workers() -> int:
        async with ControlPlane(settings.control_plane_url, lambda: TOKEN) as plane:
            return (await plane.list_workers(Page())).total

    assert asyncio.run(workers()) == 1
    with pytest.raises(DataDirError):
        asyncio.run(retire(settings, lambda: TOKEN))
    daemon.signal(signal.SIGTERM)
    daemon.wait()
    assert asyncio.run(retire(settings, lambda: TOKEN)) is True
    assert asyncio.run(workers()) == 0
    assert asyncio.run(retire(settings, lambda: TOKEN)) is False
