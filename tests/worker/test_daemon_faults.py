"""A real daemon in foul weather: killed, suspended, its state damaged, its disk full. No job is lost or done twice."""

import contextlib
import json
import resource
import signal
from pathlib import Path

import psutil
import pytest

from schemas.jobs import JobStatus
from tests.support.processes import ControlPlaneProcess, DaemonProcess, wait_for
from tests.support.studio import SLOW, Studio
from tests.worker.conftest import SHORT_LEASE_SECONDS

short_leases = pytest.mark.parametrize("lease_seconds", [SHORT_LEASE_SECONDS])


def settled(studio: Studio, job_id: str, daemon: DaemonProcess) -> int:
    """Wait for a completed job and a tidy desk; the attempt that did it."""
    job = studio.wait_for_end(job_id)
    assert (job.status, job.error_message) == (JobStatus.COMPLETED, None)
    assert [event.to_status for event in job.events].count(JobStatus.COMPLETED) == 1
    wait_for("a tidy desk", lambda: daemon.leftovers() == [])
    assert daemon.encoders() == []
    return job.attempt


@pytest.mark.parametrize("phase", ["fetching", "rendering", "uploading"])
def test_killed_in_any_phase_the_next_start_goes_on_under_the_same_lease(
    control_plane: ControlPlaneProcess, studio: Studio, tmp_path: Path, phase: str
) -> None:
    with DaemonProcess(tmp_path / "desk", control_plane.url) as daemon:
        studio.save_timeline(studio.asset_id, seconds=5)
        job_id = studio.ask_for_render()
        daemon.wait_for_event("job_phase", phase=phase)
        daemon.kill()
        wait_for("ffmpeg to be gone too", lambda: not daemon.encoders())
        daemon.start()
        assert settled(studio, job_id, daemon) == 1


def test_killed_with_a_finished_file_it_is_uploaded_not_rendered_again(
    control_plane: ControlPlaneProcess, studio: Studio, tmp_path: Path
) -> None:
    with DaemonProcess(tmp_path / "desk", control_plane.url) as daemon:
        studio.save_timeline(studio.asset_id, seconds=5)
        job_id = studio.ask_for_render()
        daemon.wait_for_event("job_phase", phase="rendering")
        control_plane.kill()
        daemon.wait_for_event("job_phase", phase="uploading")
        daemon.kill()
        control_plane.start()
        daemon.start()
        daemon.wait_for_event("job_recovered", phase="uploading")
        assert settled(studio, job_id, daemon) == 1
        assert len([r for r in daemon.records("job_phase") if r["phase"] == "rendering"]) == 1


def test_a_finished_file_that_was_damaged_is_rendered_again(
    control_plane: ControlPlaneProcess, studio: Studio, tmp_path: Path
) -> None:
    with DaemonProcess(tmp_path / "desk", control_plane.url) as daemon:
        studio.save_timeline(studio.asset_id, seconds=5)
        job_id = studio.ask_for_render()
        daemon.wait_for_event("job_phase", phase="rendering")
        control_plane.kill()
        daemon.wait_for_event("job_phase", phase="uploading")
        daemon.kill()
        with (daemon.data_dir / "jobs" / job_id / "output.mp4").open("r+b") as output:
            output.truncate(1000)
        control_plane.start()
        daemon.start()
        assert settled(studio, job_id, daemon) == 1
        assert len([r for r in daemon.records("job_phase") if r["phase"] == "rendering"]) == 2


@short_leases
def test_killed_for_good_another_desk_finishes(
    control_plane: ControlPlaneProcess, studio: Studio, tmp_path: Path
) -> None:
    studio.save_timeline(studio.asset_id, seconds=5)
    with DaemonProcess(tmp_path / "first", control_plane.url) as first:
        job_id = studio.ask_for_render()
        first.wait_for_event("job_phase", phase="rendering")
        first.kill()
        with DaemonProcess(tmp_path / "second", control_plane.url) as second:
            assert settled(studio, job_id, second) == 2
        first.start()
        first.wait_for_event("job_lost", job_id=job_id)
        wait_for("a tidy desk", lambda: first.leftovers() == [])


@short_leases
def test_a_desk_that_slept_through_its_lease_stops_when_it_wakes(
    control_plane: ControlPlaneProcess, studio: Studio, tmp_path: Path
) -> None:
    studio.save_timeline(studio.asset_id, seconds=5)
    with DaemonProcess(tmp_path / "first", control_plane.url) as first:
        job_id = studio.ask_for_render()
        first.wait_for_event("job_phase", phase="rendering")
        first.signal(signal.SIGSTOP)
        with DaemonProcess(tmp_path / "second", control_plane.url) as second:
            assert settled(studio, job_id, second) == 2
        first.signal(signal.SIGCONT)
        first.wait_for_event("job_lost", job_id=job_id)
        wait_for("a tidy desk", lambda: first.leftovers() == [] and not first.encoders())
    job = studio.job(job_id)
    assert (job.status, job.attempt) == (JobStatus.COMPLETED, 2)


def test_two_desks_never_do_one_job_twice(control_plane: ControlPlaneProcess, studio: Studio, tmp_path: Path) -> None:
    with (
        DaemonProcess(tmp_path / "one", control_plane.url, slots=4) as one,
        DaemonProcess(tmp_path / "two", control_plane.url, slots=4) as two,
    ):
        for desk in (one, two):
            desk.wait_for_event("worker_registered")
        jobs = [studio.wait_for_end(job_id) for job_id in [studio.ask_for_render() for _ in range(8)]]
        assert {(job.status, job.attempt) for job in jobs} == {(JobStatus.COMPLETED, 1)}
        assert len(one.records("job_claimed")) + len(two.records("job_claimed")) == 8


@short_leases
def test_an_unreadable_state_is_set_aside_and_the_job_done_by_a_later_attempt(
    control_plane: ControlPlaneProcess, studio: Studio, tmp_path: Path
) -> None:
    studio.save_timeline(studio.asset_id, seconds=5)
    with DaemonProcess(tmp_path / "desk", control_plane.url) as daemon:
        job_id = studio.ask_for_render()
        daemon.wait_for_event("job_phase", phase="rendering")
        daemon.kill()
        state = daemon.data_dir / "jobs" / job_id / "job.json"
        state.write_bytes(state.read_bytes()[:40])
        (daemon.data_dir / "state.json").write_bytes(b"\x00\x00")
        daemon.start()
        daemon.wait_for_event("state_unreadable", count=2)
        job = studio.wait_for_end(job_id)
        assert (job.status, job.attempt) == (JobStatus.COMPLETED, 2)
        kept = sorted(path.name for path in (daemon.data_dir / "unreadable").iterdir())
        assert kept == sorted([f"{job_id}-job.json", "desk-state.json"])


def test_ffmpeg_killed_alone_fails_the_job_with_the_signal(daemon: DaemonProcess, studio: Studio) -> None:
    studio.save_timeline(studio.asset_id, seconds=600)
    job_id = studio.ask_for_render(SLOW)

    def kill_one() -> bool:
        """Whether one was caught at work: each piece of a render has its own, for a short time."""
        for pid in daemon.encoders():
            with contextlib.suppress(psutil.NoSuchProcess):
                psutil.Process(pid).kill()
                return True
        return False

    wait_for("ffmpeg", kill_one)
    job = studio.wait_for_end(job_id)
    assert (job.status, job.error_code) == (JobStatus.FAILED, "encoder_failed")
    assert "SIGKILL" in (job.error_message or "")


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="prlimit: only Linux limits another process's files")
def test_a_full_disk_fails_the_job_and_not_the_daemon(daemon: DaemonProcess, studio: Studio) -> None:
    """No file may grow beyond a megabyte, so the asset does not fit."""
    daemon.wait_for_event("worker_registered")
    resource.prlimit(daemon.child.pid, resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
    job = studio.wait_for_end(studio.ask_for_render())
    assert (job.status, job.error_code) == (JobStatus.FAILED, "disk_full")
    wait_for("a tidy desk", lambda: daemon.leftovers() == [])
    resource.prlimit(daemon.child.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert studio.wait_for_end(studio.ask_for_render()).status is JobStatus.COMPLETED


def test_an_asset_whose_bytes_changed_in_the_store_is_refused(
    daemon: DaemonProcess, control_plane: ControlPlaneProcess, studio: Studio, clip: Path
) -> None:
    size = clip.stat().st_size
    (stored,) = [path for path in control_plane.folder.rglob("*") if path.is_file() and path.stat().st_size == size]
    with stored.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"tampered")
    job = studio.wait_for_end(studio.ask_for_render())
    assert (job.status, job.error_code) == (JobStatus.FAILED, "asset_corrupt")
    assert len(daemon.records("asset_corrupt")) == 2
    wait_for("a tidy desk", lambda: daemon.leftovers() == [])
    assert list((daemon.data_dir / "cache").rglob("content*")) == []


def test_a_job_folder_of_a_strange_shape_does_not_stop_the_daemon(
    control_plane: ControlPlaneProcess, studio: Studio, tmp_path: Path
) -> None:
    jobs = tmp_path / "desk" / "jobs"
    (jobs / "empty").mkdir(parents=True)
    (jobs / "other").mkdir()
    lying = {"project_id": "p", "job_id": "not-other", "kind": "render", "attempt": 1, "lease_token": "t"}
    (jobs / "other" / "job.json").write_text(json.dumps(lying))
    (jobs / "a-file").write_text("x")
    with DaemonProcess(tmp_path / "desk", control_plane.url) as daemon:
        assert studio.wait_for_end(studio.ask_for_render()).status is JobStatus.COMPLETED
        wait_for("a tidy desk", lambda: daemon.leftovers() == [])
