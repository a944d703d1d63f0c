from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from tests.builders import Desk


def test_a_lease_with_its_token_shown_once(desk: Desk) -> None:
    project_id = desk.ready_project()
    job_id, worker_id = desk.render(project_id)["job_id"], desk.worker()
    path = f"/projects/{project_id}/renders/{job_id}"

    answer = desk.http.post(f"{path}/claim", json={"worker_id": worker_id}).json()

    settings = desk.control_plane.settings
    lease, job = answer["lease"], answer["job"]
    assert (answer["ok"], lease["attempt"], len(lease["token"])) == (True, 1, len("lease_") + 43)
    assert (lease["lease_seconds"], lease["heartbeat_seconds"]) == (settings.lease_seconds, settings.heartbeat_seconds)
    started_at, expires_at = datetime.fromisoformat(job["started_at"]), datetime.fromisoformat(lease["expires_at"])
    assert (expires_at - started_at).total_seconds() == settings.lease_seconds
    assert job == desk.job(project_id, job_id)
    assert lease["token"] not in str(desk.control_plane.render(job_id).dump())


def test_one_of_many_wins(desk: Desk) -> None:
    project_id = desk.ready_project()
    job_id = desk.render(project_id)["job_id"]
    workers = [desk.worker() for _ in range(8)]

    def claim(worker_id: str) -> tuple[int, str | None]:
        answer = desk.http.post(f"/projects/{project_id}/renders/{job_id}/claim", json={"worker_id": worker_id})
        return answer.status_code, answer.json().get("code")

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(claim, workers))

    assert answers == [(200, None), *[(409, "lease_held")] * 7]
    assert desk.job(project_id, job_id)["attempt"] == 1


def test_a_worker_whose_answer_was_lost_gets_the_same_attempt_again(desk: Desk) -> None:
    project_id, worker_id = desk.ready_project(), desk.worker()
    job_id = desk.render(project_id)["job_id"]
    lost = desk.claim(project_id, job_id, worker_id)

    again = desk.claim(project_id, job_id, worker_id)

    assert (again.number, again.token != lost.token) == (1, True)
    assert lost.report("processing", 1).json()["code"] == "lease_lost"
    again.report("processing", 1).raise_for_status()
    refused = desk.http.post(f"{again.path}/claim", json={"worker_id": worker_id})
    assert (refused.status_code, refused.json()["code"]) == (409, "lease_held")


def test_a_job_that_is_over_cannot_be_claimed(desk: Desk) -> None:
    project_id = desk.ready_project()
    job_id = desk.render(project_id)["job_id"]
    desk.http.post(f"/projects/{project_id}/renders/{job_id}/cancel", json={}).raise_for_status()

    answer = desk.http.post(f"/projects/{project_id}/renders/{job_id}/claim", json={"worker_id": desk.worker()})

    assert (answer.status_code, answer.json()["code"]) == (409, "illegal_state")
    assert "cancelled" in answer.json()["detail"]


def test_only_by_a_worker_of_the_callers_own(desk: Desk, stranger: Desk) -> None:
    project_id = desk.ready_project(members=[stranger.user_id])
    path = f"/projects/{project_id}/renders/{desk.render(project_id)['job_id']}/claim"

    foreign_worker = desk.http.post(path, json={"worker_id": stranger.worker()})
    members_worker = stranger.http.post(path, json={"worker_id": stranger.worker()})

    assert (foreign_worker.status_code, members_worker.status_code) == (404, 200)
