from tests.builders import Desk


def test_it_shows_the_newest_timeline_version(desk: Desk) -> None:
    project_id = desk.project(name="film")
    desk.save_timeline(project_id)

    project = desk.http.get(f"/projects/{project_id}").json()

    assert (project["ok"], project["name"], project["timeline_version"]) == (True, "film", 1)
    assert project["updated_at"] > project["created_at"]


def test_a_member_sees_it_too(desk: Desk, stranger: Desk) -> None:
    project_id = desk.project(members=[stranger.user_id])

    assert stranger.http.get(f"/projects/{project_id}").json()["members"] == [stranger.user_id]
