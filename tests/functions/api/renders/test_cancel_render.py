from tests.builders import Attempt, Desk


def claimed(desk: Desk) -> Attempt:
    project_id = desk.ready_project()
    return desk.claim(project_id, desk.render(project_id)["job_id"])


def test_a_waiting_job_at_once(desk: Desk) -> None:
    project_id = desk.ready_project()
    job_id = desk.render(project_id)["job_id"]

    answer = desk.http.post(f"/projects/{project_id}/renders/{job_id}/cancel", json={"reason": "typing mistake"})

    job = answer.json()["job"]
    assert (job["status"], job["cancel_requested"]) == ("cancelled", False)
    assert job["completed_at"] is not None
    last = job["events"][-1]
    assert (last["actor"], last["detail"]) == (f"user:{desk.user_id}", "typing mistake")


def test_a_working_desk_is_asked_and_reports(desk: Desk) -> None:
    attempt = claimed(desk)

    first = desk.http.post(f"{attempt.path}/cancel").json()["job"]
    second = desk.http.post(f"{attempt.path}/cancel").json()["job"]

    assert (first["status"], first["cancel_requested"]) == ("processing", True)
    assert second == first
    assert attempt.report("processing", 10).json()["cancel_requested"] is True
    assert attempt.report("cancelled").json()["status"] == "cancelled"
    assert attempt.report("cancelled").status_code == 200


def test_while_uploading_too(desk: Desk) -> None:
    attempt = claimed(desk)
    attempt.report("uploading", 100).raise_for_status()

    assert desk.http.post(f"{attempt.path}/cancel").json()["job"]["cancel_requested"] is True


def test_by_hand_nobody_listens_so_it_is_at_once(desk: Desk) -> None:
    project_id = desk.ready_project()
    path = f"/projects/{project_id}/renders/{desk.render(project_id)['job_id']}"
    desk.http.post(f"{path}/upload-url").raise_for_status()

    assert desk.http.post(f"{path}/cancel").json()["job"]["status"] == "cancelled"


def test_a_desk_that_hands_the_job_back_instead_cancels_it(desk: Desk) -> None:
    attempt = claimed(desk)
    desk.http.post(f"{attempt.path}/cancel").raise_for_status()

    answer = attempt.report("failed", released=True)

    assert answer.json()["status"] == "cancelled"


def test_a_desk_that_died_cannot_answer(desk: Desk) -> None:
    attempt = claimed(desk)
    desk.http.post(f"{attempt.path}/cancel").raise_for_status()

    desk.control_plane.pass_seconds(desk.control_plane.settings.lease_seconds + 1)
    desk.control_plane.run("expire_leases")

    assert desk.job(attempt.project_id, attempt.job_id)["status"] == "cancelled"


def test_a_repeated_cancel_is_200_and_changes_nothing(desk: Desk) -> None:
    project_id = desk.ready_project()
    path = f"/projects/{project_id}/renders/{desk.render(project_id)['job_id']}"

    first = desk.http.post(f"{path}/cancel", json={"reason": "typing mistake"})
    again = desk.http.post(f"{path}/cancel", json={"reason": "the answer was lost"})

    assert (again.status_code, again.json()) == (200, first.json())


def test_what_is_over_is_409(desk: Desk) -> None:
    attempt = claimed(desk)
    attempt.report("failed").raise_for_status()

    answer = desk.http.post(f"{attempt.path}/cancel")

    assert (answer.status_code, answer.json()["code"]) == (409, "illegal_state")
    assert "failed" in answer.json()["detail"]
    assert "cancelled" in answer.json()["detail"]
