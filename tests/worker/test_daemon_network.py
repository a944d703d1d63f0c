"""A real daemon behind a network and a server that fail: nothing is lost, and nothing is reported that is not so."""

from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response

from schemas.jobs import JobStatus
from tests.support.faulty_proxy import proxy_to
from tests.support.processes import TOKEN, ControlPlaneProcess, DaemonProcess, wait_for
from tests.support.scripted import ScriptedServer
from tests.support.studio import Studio
from worker.calls import PROBLEM_TYPE


@pytest.mark.parametrize("kind", ["refuse", "forget", "later", "portal", "missing", "blocked"])
def test_calls_that_fail_or_lose_their_answer_are_made_again(
    control_plane: ControlPlaneProcess, studio: Studio, tmp_path: Path, kind: str
) -> None:
    hurt: set[str] = set()

    def fault(last: str, count: int) -> str | None:
        """Each call goes wrong the first time."""
        if count > 0:
            return None
        hurt.add(last)
        return kind

    with proxy_to(control_plane.url, fault) as proxy, DaemonProcess(tmp_path / "desk", proxy.url) as daemon:
        job = studio.wait_for_end(studio.ask_for_render())
        assert (job.status, job.attempt) == (JobStatus.COMPLETED, 1)
        assert [event.to_status for event in job.events].count(JobStatus.COMPLETED) == 1
        assert hurt == {"workers", "heartbeat", "claim", "manifest", "download", "webhook", "upload-url"}
        assert len(daemon.records("control_plane_trouble")) == len(hurt)


def test_killed_before_the_answer_to_its_claim_the_next_start_claims_the_same_attempt(
    control_plane: ControlPlaneProcess, studio: Studio, tmp_path: Path
) -> None:
    def fault(last: str, count: int) -> str | None:
        return "swallow" if last == "claim" and count == 0 else None

    with proxy_to(control_plane.url, fault) as proxy, DaemonProcess(tmp_path / "desk", proxy.url) as daemon:
        job_id = studio.ask_for_render()
        wait_for("the claim", lambda: studio.job(job_id).attempt == 1)
        daemon.kill()
        daemon.start()
        job = studio.wait_for_end(job_id)
        assert (job.status, job.attempt) == (JobStatus.COMPLETED, 1)
        daemon.wait_until_tidy()


def test_a_server_that_hangs_does_not_hold_up_the_drain(
    control_plane: ControlPlaneProcess, studio: Studio, tmp_path: Path
) -> None:
    def fault(last: str, _: int) -> str | None:
        return "hang" if last == "webhook" else None

    with (
        proxy_to(control_plane.url, fault) as proxy,
        DaemonProcess(tmp_path / "desk", proxy.url, drain_seconds=0) as daemon,
    ):
        studio.ask_for_render()
        daemon.wait_for_event("job_claimed")
        daemon.child.terminate()
        assert daemon.wait() == 0
        daemon.wait_for_event("job_kept")


@pytest.mark.parametrize("phase", ["fetching", "rendering", "uploading"])
def test_the_control_plane_killed_in_any_phase_and_restarted(
    control_plane: ControlPlaneProcess, daemon: DaemonProcess, studio: Studio, phase: str
) -> None:
    studio.save_timeline(studio.asset_id, seconds=5)
    job_id = studio.ask_for_render()
    daemon.wait_for_event("job_phase", phase=phase)
    control_plane.kill()
    control_plane.start()
    job = studio.wait_for_end(job_id)
    assert job.status is JobStatus.COMPLETED
    assert [event.to_status for event in job.events].count(JobStatus.COMPLETED) == 1


def test_a_desk_renders_on_while_it_is_offline(
    control_plane: ControlPlaneProcess, daemon: DaemonProcess, studio: Studio
) -> None:
    studio.save_timeline(studio.asset_id, seconds=10)
    job_id = studio.ask_for_render()
    daemon.wait_for_event("job_phase", phase="rendering")
    control_plane.kill()
    daemon.wait_for_event("job_phase", phase="uploading")
    control_plane.start()
    assert studio.wait_for_end(job_id).status is JobStatus.COMPLETED


def test_a_daemon_started_before_its_control_plane_waits_for_it(tmp_path: Path, clip: Path) -> None:
    plane = ControlPlaneProcess(tmp_path / "plane")
    with plane:
        studio = Studio(plane.url)
        studio.save_timeline(studio.add_asset(clip, "video/mp4"))
        job_id = studio.ask_for_render()
        plane.kill()
        with DaemonProcess(tmp_path / "desk", plane.url) as daemon:
            daemon.wait_for_event("control_plane_trouble")
            plane.start()
            assert studio.wait_for_end(job_id).status is JobStatus.COMPLETED


def test_a_worker_that_the_control_plane_forgot_registers_again(tmp_path: Path, clip: Path) -> None:
    plane = ControlPlaneProcess(tmp_path / "plane")
    with plane, DaemonProcess(tmp_path / "desk", plane.url) as daemon:
        first = daemon.wait_for_event("worker_registered")
        daemon.wait_for_event("worker_registered")
        plane.kill()
        for path in sorted(plane.folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        plane.start()
        daemon.wait_for_event("worker_forgotten")
        again = daemon.wait_for_event("worker_registered", count=2)
        assert again["worker_id"] != first["worker_id"]
        studio = Studio(plane.url)
        studio.save_timeline(studio.add_asset(clip, "video/mp4"))
        assert studio.wait_for_end(studio.ask_for_render()).status is JobStatus.COMPLETED


def test_a_token_renewed_on_disk_is_picked_up_in_the_middle_of_a_job(tmp_path: Path, clip: Path) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    plane = ControlPlaneProcess(tmp_path / "plane")
    with plane, DaemonProcess(tmp_path / "desk", plane.url, token=f"@{token}") as daemon:
        studio = Studio(plane.url)
        studio.save_timeline(studio.add_asset(clip, "video/mp4"), seconds=10)
        job_id = studio.ask_for_render()
        daemon.wait_for_event("job_phase", phase="rendering")
        plane.kill()
        token.write_text("another-token-for-tests")
        plane.environment["DEV_API_TOKEN"] = "another-token-for-tests"
        plane.start()
        daemon.wait_for_event("job_completed", job_id=job_id)
        assert daemon.records("login_needed") == []


def test_a_login_that_runs_out_in_the_middle_of_a_job_does_not_cost_it(tmp_path: Path, clip: Path) -> None:
    plane = ControlPlaneProcess(tmp_path / "plane")
    with plane, DaemonProcess(tmp_path / "desk", plane.url) as daemon:
        studio = Studio(plane.url)
        studio.save_timeline(studio.add_asset(clip, "video/mp4"), seconds=10)
        job_id = studio.ask_for_render()
        daemon.wait_for_event("job_phase", phase="rendering")
        plane.kill()
        plane.environment["DEV_API_TOKEN"] = "another-token-for-tests"
        plane.start()
        daemon.wait_for_event("job_completed", job_id=job_id, attempt=1)
        daemon.wait_for_event("login_needed")


def test_without_a_valid_token_the_daemon_asks_for_a_login_and_stays(
    control_plane: ControlPlaneProcess, tmp_path: Path
) -> None:
    with DaemonProcess(tmp_path / "desk", control_plane.url, token="wrong") as daemon:
        assert daemon.wait_for_event("login_needed")["retry_seconds"] == 60
        assert daemon.child.poll() is None


def test_a_control_plane_that_speaks_another_protocol_ends_the_daemon(tmp_path: Path) -> None:
    async def handler(_: Request) -> Response:
        body = b'{"title":"t","status":426,"detail":"speak 7","code":"protocol_unsupported","request_id":"r"}'
        return Response(body, 426, media_type=PROBLEM_TYPE)

    with ScriptedServer(handler) as server, DaemonProcess(tmp_path / "desk", server.url) as daemon:
        assert daemon.wait() == 1
        assert "speak 7" in daemon.wait_for_event("daemon_failed")["reason"]
