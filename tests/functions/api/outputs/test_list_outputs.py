from tests.builders import Desk


def test_newest_version_first(desk: Desk) -> None:
    project_id, other_id = desk.project(), desk.project()
    first, second = desk.share(project_id), desk.share(project_id)
    desk.share(other_id)

    listed = desk.http.get(f"/projects/{project_id}/outputs").json()

    del first["ok"], second["ok"]
    assert listed == {"ok": True, "outputs": [second, first], "total": 2}
