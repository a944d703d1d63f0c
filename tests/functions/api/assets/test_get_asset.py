from tests.builders import Desk


def test_it_is_shown_as_it_was_made(desk: Desk) -> None:
    project_id = desk.project()
    made = desk.asset(project_id)

    answer = desk.http.get(f"/projects/{project_id}/assets/{made['asset_id']}").json()

    assert answer["ok"] is True
    assert {**answer["asset"], "media": None} == {**made, "media": None}
