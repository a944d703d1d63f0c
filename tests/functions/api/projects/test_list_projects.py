import pytest

from tests.builders import Desk


def test_ones_own_and_shared_projects_newest_first(desk: Desk, stranger: Desk) -> None:
    first = desk.project(name="first")
    second = stranger.project(name="second", members=[desk.user_id])
    third = desk.project(name="third")

    listed = desk.http.get("/projects").json()

    assert [project["project_id"] for project in listed["projects"]] == [third, second, first]
    assert (listed["ok"], listed["total"]) == (True, 3)


def test_pages(desk: Desk) -> None:
    made = [desk.project() for _ in range(3)]

    page = desk.http.get("/projects", params={"limit": 1, "offset": 1}).json()

    assert [project["project_id"] for project in page["projects"]] == [made[1]]
    assert page["total"] == 3


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "offset=-1", "limit=1&limit=2", "page=2"])
def test_a_wrong_query_is_422(query: str, desk: Desk) -> None:
    answer = desk.http.get(f"/projects?{query}")

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    if query.count("=") == 1:
        assert [error["pointer"] for error in answer.json()["errors"]] == [f"?{query.partition('=')[0]}"]
