import json
from typing import Any

import pytest

from functions.domain.renders import DISPATCH_SECONDS
from functions.errors import Unavailable
from schemas.events import RenderDispatch, Topic
from tests.builders import Desk
from tests.support.cloud_run_standin import CloudRunStandin, Execution


def dispatched(desk: Desk) -> dict[str, Any]:
    return desk.render(desk.ready_project(), execution_mode="cloud")


def wake(desk: Desk, job: dict[str, Any]) -> None:
    message = RenderDispatch(project_id=job["project_id"], job_id=job["job_id"])
    desk.control_plane.run("on_render_dispatch", message.model_dump_json())


def execution_of(cloud_run: CloudRunStandin, job: dict[str, Any]) -> Execution:
    (found,) = [e for e in cloud_run.executions.values() if job["job_id"] in e.request.model_dump_json() and not e.over]
    return found


def test_a_cloud_render_waits_until_its_execution_is_started(quiet_desk: Desk, cloud_run: CloudRunStandin) -> None:
    job = dispatched(quiet_desk)
    heartbeat = f"/workers/{quiet_desk.worker()}/heartbeat"
    assert (job["status"], job["execution_mode"]) == ("pending", "cloud")
    waiting = quiet_desk.control_plane.queue.receive(wait_seconds=0, limit=100)
    (message,) = [d for d in waiting if d.topic is Topic.RENDER_DISPATCH and job["job_id"] in d.data]

    quiet_desk.control_plane.run("on_render_dispatch", message.data)

    seen = quiet_desk.job(job["project_id"], job["job_id"])
    assert (seen["status"], seen["cloud_run_execution_id"]) == ("queued", execution_of(cloud_run, job).name)
    assert quiet_desk.http.post(heartbeat, json={"free_slots": 9}).json()["waiting"] == []
    desks = quiet_desk.http.post(
        f"/projects/{job['project_id']}/renders/{job['job_id']}/claim", json={"worker_id": quiet_desk.worker()}
    )
    assert (desks.status_code, desks.json()["code"]) == (409, "illegal_state")


def test_the_execution_claims_with_its_token_and_finishes(quiet_desk: Desk, cloud_run: CloudRunStandin) -> None:
    job = dispatched(quiet_desk)
    wake(quiet_desk, job)
    (container,) = execution_of(cloud_run, job).request.overrides.container_overrides
    path = f"/projects/{job['project_id']}/renders/{job['job_id']}"

    with quiet_desk.control_plane.client(headers={"X-Lease-Token": container.env[0].value}) as http:
        lease = http.post(f"{path}/claim", json={"worker_id": "execution-1"}).json()["lease"]
        again = http.post(f"{path}/claim", json={"worker_id": "execution-1"}).json()["lease"]
    report = {"job_id": job["job_id"], "status": "failed", "progress": 0, "attempt": lease["attempt"]}
    with quiet_desk.control_plane.client(headers={"X-Lease-Token": lease["token"]}) as http:
        lost = http.post(f"{path}/webhook", json=report)
    with quiet_desk.control_plane.client(headers={"X-Lease-Token": again["token"]}) as http:
        failed = http.post(f"{path}/webhook", json=report)

    assert (lost.status_code, again["attempt"]) == (404, 1)
    assert failed.json()["status"] == "failed"


def test_woken_twice_it_is_started_once(quiet_desk: Desk, cloud_run: CloudRunStandin) -> None:
    job = dispatched(quiet_desk)

    wake(quiet_desk, job)
    wake(quiet_desk, job)

    assert execution_of(cloud_run, job)


def test_a_job_that_was_cancelled_meanwhile_is_not_started(quiet_desk: Desk, cloud_run: CloudRunStandin) -> None:
    job = dispatched(quiet_desk)
    quiet_desk.http.post(f"/projects/{job['project_id']}/renders/{job['job_id']}/cancel").raise_for_status()
    before = len(cloud_run.executions)

    wake(quiet_desk, job)
    wake(quiet_desk, {**job, "job_id": "never-heard-of"})

    assert len(cloud_run.executions) == before


def test_cancelling_a_waiting_job_stops_its_execution(quiet_desk: Desk, cloud_run: CloudRunStandin) -> None:
    job = dispatched(quiet_desk)
    wake(quiet_desk, job)
    execution = execution_of(cloud_run, job)

    quiet_desk.http.post(f"/projects/{job['project_id']}/renders/{job['job_id']}/cancel").raise_for_status()

    assert execution.over


def test_a_lapsed_cloud_lease_asks_for_another_execution(quiet_desk: Desk, cloud_run: CloudRunStandin) -> None:
    job = dispatched(quiet_desk)
    wake(quiet_desk, job)
    first = execution_of(cloud_run, job)
    (container,) = first.request.overrides.container_overrides
    path = f"/projects/{job['project_id']}/renders/{job['job_id']}"
    with quiet_desk.control_plane.client(headers={"X-Lease-Token": container.env[0].value}) as http:
        http.post(f"{path}/claim", json={"worker_id": "execution-1"}).raise_for_status()
        quiet_desk.control_plane.pass_seconds(61)
        quiet_desk.control_plane.run("expire_leases")

        assert quiet_desk.job(job["project_id"], job["job_id"])["status"] == "pending"
        assert first.over
        wake(quiet_desk, job)
        stale = http.post(f"{path}/claim", json={"worker_id": "execution-1"})

    assert execution_of(cloud_run, job).name != first.name
    assert (stale.status_code, json.loads(stale.content)["code"]) == (404, "not_found")


def test_nobody_works_by_hand_on_what_runs_in_the_cloud(quiet_desk: Desk) -> None:
    job = quiet_desk.render(quiet_desk.ready_project(), execution_mode="cloud")
    path = f"/projects/{job['project_id']}/renders/{job['job_id']}"

    report = quiet_desk.http.post(
        f"{path}/webhook", json={"job_id": job["job_id"], "status": "processing", "progress": 1}
    )
    ticket = quiet_desk.http.post(f"{path}/upload-url")

    for answer in (report, ticket):
        assert (answer.status_code, answer.json()["code"]) == (409, "illegal_state")


def never_claimed(desk: Desk, job: dict[str, Any]) -> dict[str, Any]:
    """The job after the time an execution has to claim it."""
    desk.control_plane.pass_seconds(DISPATCH_SECONDS + 1)
    desk.control_plane.run("expire_leases")
    return desk.job(job["project_id"], job["job_id"])


def test_an_execution_that_never_claims_is_replaced_and_the_third_was_the_last(
    quiet_desk: Desk, cloud_run: CloudRunStandin
) -> None:
    job = dispatched(quiet_desk)
    seen = []
    for _ in range(3):
        wake(quiet_desk, job)
        execution = execution_of(cloud_run, job)
        seen.append(never_claimed(quiet_desk, job))
        assert execution.over

    assert [s["status"] for s in seen] == ["pending", "pending", "failed"]
    assert [s["cloud_run_execution_id"] for s in seen] == [None, None, execution.name]
    assert seen[-1]["error_code"] == "worker_lost"
    assert "never claimed" in seen[-1]["error_message"]


def test_there_is_time_to_start_in(quiet_desk: Desk, cloud_run: CloudRunStandin) -> None:
    job = dispatched(quiet_desk)
    wake(quiet_desk, job)

    quiet_desk.control_plane.pass_seconds(DISPATCH_SECONDS - 5)
    quiet_desk.control_plane.run("expire_leases")

    assert not execution_of(cloud_run, job).over
    assert quiet_desk.job(job["project_id"], job["job_id"])["status"] == "queued"


def test_a_function_that_dies_before_the_start_leaves_a_job_that_comes_back(
    quiet_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """As SIGKILL: nothing of the function runs after it."""

    def die(**_: str) -> str:
        raise Killed

    job = dispatched(quiet_desk)
    with monkeypatch.context() as patched:
        patched.setattr(quiet_desk.control_plane.services.launcher, "launch", die)
        with pytest.raises(Killed):
            wake(quiet_desk, job)
    assert quiet_desk.job(job["project_id"], job["job_id"])["status"] == "queued"

    assert never_claimed(quiet_desk, job)["status"] == "pending"


def test_what_cannot_be_started_is_pending_again_and_raises_to_be_woken_again(
    quiet_desk: Desk, cloud_run: CloudRunStandin
) -> None:
    job = dispatched(quiet_desk)
    deployed = set(cloud_run.jobs)
    cloud_run.jobs.clear()

    with pytest.raises(Unavailable):
        wake(quiet_desk, job)
    seen = quiet_desk.job(job["project_id"], job["job_id"])
    cloud_run.jobs.update(deployed)
    wake(quiet_desk, job)

    assert (seen["status"], seen["events"][-1]["detail"]) == ("pending", "no execution could be started")
    assert quiet_desk.control_plane.render(job["job_id"]).losses == 0
    assert (
        quiet_desk.job(job["project_id"], job["job_id"])["cloud_run_execution_id"] == execution_of(cloud_run, job).name
    )


def test_an_execution_may_claim_before_its_start_is_noted(
    quiet_desk: Desk, cloud_run: CloudRunStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = dispatched(quiet_desk)
    path = f"/projects/{job['project_id']}/renders/{job['job_id']}/claim"
    launcher = quiet_desk.control_plane.services.launcher
    launch, statuses = launcher.launch, []

    def launch_a_fast_one(*, job_id: str, project_id: str, claim_token: str) -> str:
        execution_id = launch(job_id=job_id, project_id=project_id, claim_token=claim_token)
        with quiet_desk.control_plane.client(headers={"X-Lease-Token": claim_token}) as http:
            statuses.append(http.post(path, json={"worker_id": "execution-1"}).status_code)
        return execution_id

    with monkeypatch.context() as patched:
        patched.setattr(launcher, "launch", launch_a_fast_one)
        wake(quiet_desk, job)

    seen = quiet_desk.job(job["project_id"], job["job_id"])
    assert statuses == [200]
    assert (seen["status"], seen["cloud_run_execution_id"]) == ("processing", execution_of(cloud_run, job).name)


@pytest.mark.parametrize("end", ["cancel", "delete"])
def test_a_job_that_ends_during_the_start_stops_its_execution(
    end: str, quiet_desk: Desk, cloud_run: CloudRunStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = dispatched(quiet_desk)
    path = f"/projects/{job['project_id']}/renders/{job['job_id']}"
    launcher = quiet_desk.control_plane.services.launcher
    launch, started = launcher.launch, []

    def launch_too_late(**names: str) -> str:
        started.append(launch(**names))
        ended = quiet_desk.http.post(f"{path}/cancel") if end == "cancel" else quiet_desk.http.delete(path)
        ended.raise_for_status()
        return started[0]

    with monkeypatch.context() as patched:
        patched.setattr(launcher, "launch", launch_too_late)
        wake(quiet_desk, job)

    assert cloud_run.executions[started[0]].over


def test_deleting_a_waiting_job_stops_its_execution(quiet_desk: Desk, cloud_run: CloudRunStandin) -> None:
    job = dispatched(quiet_desk)
    wake(quiet_desk, job)
    execution = execution_of(cloud_run, job)

    quiet_desk.http.delete(f"/projects/{job['project_id']}/renders/{job['job_id']}").raise_for_status()

    assert execution.over


def test_an_execution_that_cannot_be_stopped_does_not_hold_up_the_job(
    quiet_desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(execution_id: str) -> None:
        raise Unavailable

    job = dispatched(quiet_desk)
    wake(quiet_desk, job)
    with monkeypatch.context() as patched:
        patched.setattr(quiet_desk.control_plane.services.launcher, "cancel", refuse)
        seen = never_claimed(quiet_desk, job)

    assert seen["status"] == "pending"
    assert "execution_not_stopped" in [getattr(record, "event", None) for record in caplog.records]
