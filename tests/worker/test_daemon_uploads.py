"""A real daemon whose uploads go wrong: nothing counts as completed that the server has not seen whole."""

import contextlib
import json
import sqlite3
from pathlib import Path

import pytest

from schemas.jobs import JobStatus
from tests.support.faulty_proxy import proxy_to
from tests.support.processes import ControlPlaneProcess, DaemonProcess, wait_for
from tests.support.studio import BULKY, Studio
from worker.checksums import checksum_file
from worker.transfers import CHUNK_BYTES


def no_fault(_last: str, _count: int) -> None:
    return None


class Thief:
    """Removes the uploaded object just before the server looks at it, so many times."""

    def __init__(self, control_plane: ControlPlaneProcess, times: int) -> None:
        self._database = control_plane.folder / "deskrun.sqlite3"
        self.times = times

    def __call__(self, last: str, body: bytes) -> None:
        report = json.loads(body) if last == "webhook" else {}
        if report.get("status") != "completed" or self.times == 0:
            return
        self.times -= 1
        with contextlib.closing(sqlite3.connect(self._database)) as database, database:
            removed = database.execute("DELETE FROM objects WHERE crc32c = ?", [report["output_crc32c"]])
            assert removed.rowcount == 1


def test_a_large_output_goes_up_in_chunks(daemon: DaemonProcess, studio: Studio, tmp_path: Path) -> None:
    daemon.wait_for_event("worker_registered")
    studio.save_timeline(studio.asset_id, seconds=5)
    job = studio.wait_for_end(studio.ask_for_render(BULKY))
    assert job.status is JobStatus.COMPLETED
    output = studio.download_output(job.job_id, tmp_path / "out.mp4")
    assert output.stat().st_size > CHUNK_BYTES
    assert job.output_crc32c == checksum_file(output).crc32c


def test_an_upload_broken_off_by_a_kill_goes_on_in_its_session(
    daemon: DaemonProcess, control_plane: ControlPlaneProcess, studio: Studio
) -> None:
    """The control plane is stopped in the middle of the first chunk, so that both must find their way back."""
    studio.save_timeline(studio.asset_id, seconds=5)
    job_id = studio.ask_for_render(BULKY)
    state = daemon.data_dir / "jobs" / job_id / "job.json"

    def session_is_open() -> bool:
        return state.exists() and json.loads(state.read_text())["upload"] is not None

    wait_for("an upload session", session_is_open)
    control_plane.kill()
    daemon.kill()
    was_uploading = session_is_open()
    control_plane.start()
    daemon.start()
    if was_uploading:
        daemon.wait_for_event("job_recovered", phase="uploading")
    job = studio.wait_for_end(job_id)
    assert job.status is JobStatus.COMPLETED
    assert len([record for record in daemon.records("job_phase") if record["phase"] == "rendering"]) == 1


@pytest.mark.parametrize("times", [1, 2])
def test_an_object_the_server_does_not_find_is_uploaded_again(
    control_plane: ControlPlaneProcess, studio: Studio, tmp_path: Path, times: int
) -> None:
    thief = Thief(control_plane, times)
    with (
        proxy_to(control_plane.url, no_fault, thief) as proxy,
        DaemonProcess(tmp_path / "desk", proxy.url) as daemon,
    ):
        job = studio.wait_for_end(studio.ask_for_render())
        assert (job.status, job.attempt) == (JobStatus.COMPLETED, 1)
        assert len(daemon.records("upload_restarted")) == times
        wait_for("a tidy desk", lambda: daemon.leftovers() == [])


def test_after_three_refused_uploads_the_job_fails(
    control_plane: ControlPlaneProcess, studio: Studio, tmp_path: Path
) -> None:
    thief = Thief(control_plane, 99)
    with (
        proxy_to(control_plane.url, no_fault, thief) as proxy,
        DaemonProcess(tmp_path / "desk", proxy.url) as daemon,
    ):
        job = studio.wait_for_end(studio.ask_for_render())
        assert (job.status, job.error_code) == (JobStatus.FAILED, "upload_failed")
        assert thief.times == 99 - 3
        wait_for("a tidy desk", lambda: daemon.leftovers() == [])
