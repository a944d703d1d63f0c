from functions.domain.outbox import OUTBOX
from tests.builders import Desk


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


def test_what_follows_was_announced(desk: Desk) -> None:
    project_id = desk.ready_project()

    desk.http.delete(f"/projects/{project_id}").raise_for_status()

    # Published: nothing of it waits in the outbox any more.
    assert [m for m in desk.control_plane.documents(OUTBOX) if project_id in m["data"]] == []


def test_a_member_may_not(desk: Desk, stranger: Desk) -> None:
    project_id = desk.project(members=[stranger.user_id])

    answer = stranger.http.delete(f"/projects/{project_id}")

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert desk.http.get(f"/projects/{project_id}").status_code == 200
