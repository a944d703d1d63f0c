from datetime import UTC, datetime, timedelta

import pytest

from tests.builders import Desk, new_user


def test_the_caller_owns_what_it_creates(desk: Desk) -> None:
    member = new_user()

    answer = desk.http.post("/projects", json={"name": "  film  ", "members": [member, desk.user_id, member]})

    assert answer.status_code == 201
    project = answer.json()
    created_at = project.pop("created_at")
    assert project.pop("updated_at") == created_at
    assert abs(datetime.fromisoformat(created_at) - desk.control_plane.clock()) < timedelta(minutes=1)
    assert datetime.fromisoformat(created_at).tzinfo == UTC
    assert project == {
        "ok": True,
        "project_id": project["project_id"],
        "name": "film",
        "owner": desk.user_id,
        "members": [member],
        "timeline_version": None,
    }


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/name"),
        ({"name": "   "}, "/name"),
        ({"name": "x" * 121}, "/name"),
        ({"name": "x", "members": ["a/b"]}, "/members/0"),
        ({"name": "x", "members": ["a"] * 51}, "/members"),
        ({"name": "x", "owner": "me"}, "/owner"),
    ],
)
def test_a_wrong_field_is_422(body: dict[str, object], pointer: str, desk: Desk) -> None:
    answer = desk.http.post("/projects", json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert desk.http.get("/projects").json()["total"] == 0
