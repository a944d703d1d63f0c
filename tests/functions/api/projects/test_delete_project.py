from functions.domain.renders import RENDERS
from tests.builders import Desk
from tests.support.control_plane import eventually


def test_it_is_gone_at_once_and_its_contents_follow(desk: Desk) -> None:
    project_id = desk.ready_project()
    asset = desk.asset(project_id)
    job_id = desk.render(project_id)["job_id"]

    assert desk.http.delete(f"/projects/{project_id}").json() == {"ok": True}

    assert desk.http.get(f"/projects/{project_id}").status_code == 404
    assert desk.http.get(f"/projects/{project_id}/renders/{job_id}").status_code == 404
    assert desk.http.get(f"/projects/{project_id}/assets/{asset['asset_id']}").status_code == 404
    assert desk.http.get("/projects").json()["projects"] == []
    assert desk.http.delete(f"/projects/{project_id}").status_code == 404


def test_records_and_bytes_follow(desk: Desk) -> None:
    project_id = desk.ready_project()
    job = desk.render(project_id)
    services = desk.control_plane.services

    desk.http.delete(f"/projects/{project_id}").raise_for_status()

    eventually(lambda: services.documents.get(RENDERS, job["job_id"]) is None)
    eventually(lambda: services.objects.stat(job["manifest_path"]) is None)


def test_a_member_may_not(desk: Desk, stranger: Desk) -> None:
    project_id = desk.project(members=[stranger.user_id])

    answer = stranger.http.delete(f"/projects/{project_id}")

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert desk.http.get(f"/projects/{project_id}").status_code == 200
