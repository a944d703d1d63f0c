from tests.builders import Desk


def test_newest_first_and_of_this_project_only(desk: Desk) -> None:
    project_id, other_id = desk.project(), desk.project()
    first, second = desk.asset(project_id), desk.asset(project_id)
    desk.asset(other_id)

    listed = desk.http.get(f"/projects/{project_id}/assets").json()

    assert [asset["asset_id"] for asset in listed["assets"]] == [second["asset_id"], first["asset_id"]]
    assert (listed["ok"], listed["total"]) == (True, 2)
    page = desk.http.get(f"/projects/{project_id}/assets", params={"limit": 1, "offset": 1}).json()
    assert [asset["asset_id"] for asset in page["assets"]] == [first["asset_id"]]
