from tests.builders import Desk


def test_the_job_with_its_trail_and_no_secret(desk: Desk) -> None:
    project_id = desk.ready_project()
    worker_id = desk.worker()
    attempt = desk.claim(project_id, desk.render(project_id)["job_id"], worker_id)

    answer = desk.http.get(attempt.path)

    job = answer.json()["job"]
    assert attempt.token not in answer.text
    assert (job["status"], job["attempt"]) == ("processing", 1)
    assert (job["lease"]["worker_id"], job["lease"]["attempt"]) == (worker_id, 1)
    assert [(e["actor"], e["attempt"], e["to_status"]) for e in job["events"]] == [
        (f"user:{desk.user_id}", 0, "pending"),
        ("system", 0, "queued"),
        (f"worker:{worker_id}", 1, "processing"),
    ]


def test_a_member_sees_it_too(desk: Desk, stranger: Desk) -> None:
    project_id = desk.ready_project(members=[stranger.user_id])
    job = desk.render(project_id)

    assert stranger.job(project_id, job["job_id"]) == job
