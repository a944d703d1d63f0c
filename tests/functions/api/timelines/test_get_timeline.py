from tests.builders import Desk, timeline


def test_the_newest_or_the_version_asked_for(desk: Desk) -> None:
    project_id = desk.project()
    first = timeline(name="Größe", metadata={"other tool": {"kept": [1, 2.5, None]}})
    desk.save_timeline(project_id, first)
    desk.save_timeline(project_id, timeline(name="two"))

    newest = desk.http.get(f"/projects/{project_id}/timeline").json()
    older = desk.http.get(f"/projects/{project_id}/timeline", params={"version": 1}).json()

    assert (newest["timeline_version"], newest["timeline"]["name"]) == (2, "two")
    assert (older["ok"], older["timeline_version"], older["timeline"]) == (True, 1, first)


def test_what_was_never_saved_is_404(desk: Desk) -> None:
    project_id = desk.project()
    assert desk.http.get(f"/projects/{project_id}/timeline").status_code == 404

    desk.save_timeline(project_id)

    assert desk.http.get(f"/projects/{project_id}/timeline", params={"version": 2}).status_code == 404


def test_versions_count_from_one(desk: Desk) -> None:
    answer = desk.http.get(f"/projects/{desk.project()}/timeline", params={"version": 0})

    assert [error["pointer"] for error in answer.json()["errors"]] == ["?version"]
