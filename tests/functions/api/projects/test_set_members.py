import pytest

from functions.domain.outbox import OUTBOX
from functions.errors import Unavailable
from schemas.events import Topic
from tests.builders import Desk


def test_the_owner_says_who_else_belongs_to_it(desk: Desk, stranger: Desk) -> None:
    project_id = desk.project()

    answer = desk.http.put(f"/projects/{project_id}/members", json={"members": [stranger.user_id, desk.user_id]})

    assert answer.json()["members"] == [stranger.user_id]
    assert stranger.http.get(f"/projects/{project_id}").status_code == 200
    desk.http.put(f"/projects/{project_id}/members", json={"members": []}).raise_for_status()
    assert stranger.http.get(f"/projects/{project_id}").status_code == 404


def test_a_member_may_not(desk: Desk, stranger: Desk) -> None:
    project_id = desk.project(members=[stranger.user_id])

    answer = stranger.http.put(f"/projects/{project_id}/members", json={"members": []})

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_the_whole_list_must_be_given(desk: Desk) -> None:
    answer = desk.http.put(f"/projects/{desk.project()}/members", json={})

    assert [error["pointer"] for error in answer.json()["errors"]] == ["/members"]


def test_open_jobs_are_offered_to_who_belongs_now(desk: Desk, stranger: Desk) -> None:
    """A desk that is offered what it may not claim would ask again and again."""
    project_id = desk.ready_project(members=[stranger.user_id])
    job_id = desk.render(project_id)["job_id"]
    heartbeat = f"/workers/{stranger.worker()}/heartbeat"
    assert stranger.http.post(heartbeat, json={"free_slots": 1}).json()["waiting"] != []

    desk.http.put(f"/projects/{project_id}/members", json={"members": []}).raise_for_status()
    assert stranger.http.post(heartbeat, json={"free_slots": 1}).json()["waiting"] == []

    desk.http.put(f"/projects/{project_id}/members", json={"members": [stranger.user_id]}).raise_for_status()
    waiting = stranger.http.post(heartbeat, json={"free_slots": 1, "wait_seconds": 20}).json()["waiting"]
    assert [job["job_id"] for job in waiting] == [job_id]


def test_a_change_whose_announcement_failed_is_announced_later(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    project_id = desk.project()

    def refuse(topic: Topic, data: str, attributes: object) -> None:
        raise Unavailable

    with monkeypatch.context() as patched:
        patched.setattr(desk.control_plane.services.bus, "publish", refuse)
        desk.http.put(f"/projects/{project_id}/members", json={"members": ["a"]}).raise_for_status()

    (left,) = [m for m in desk.control_plane.documents(OUTBOX) if project_id in m["data"]]
    assert left["topic"] == Topic.MEMBERS_CHANGED.value
