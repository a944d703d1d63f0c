import json
from typing import Any

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
        again = http.post(f"{path}/claim", json={"worker_id": "execution-1"})
    report = {"job_id": job["job_id"], "status": "failed", "progress": 0, "attempt": lease["attempt"]}
    with quiet_desk.control_plane.client(headers={"X-Lease-Token": lease["token"]}) as http:
        failed = http.post(f"{path}/webhook", json=report)

    assert again.json()["code"] == "lease_held"
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
        first.over = True
        quiet_desk.control_plane.pass_seconds(61)
        quiet_desk.control_plane.run("expire_leases")

        assert quiet_desk.job(job["project_id"], job["job_id"])["status"] == "pending"
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
