from typing import Any

import pytest

from schemas.workers import PROTOCOL_VERSION
from tests.builders import Desk

BODY: dict[str, Any] = {"name": "desk", "kinds": ["render"], "software_version": "0.1.0", "protocol_version": 1}


def test_a_desk_learns_how_to_listen(desk: Desk) -> None:
    capabilities = {"cpu_count": 8, "memory_bytes": 2**34, "encoders": ["libx264"], "docker": True}

    answer = desk.http.post("/workers", json={**BODY, "slots": 2, "capabilities": capabilities})

    assert answer.status_code == 201
    told = answer.json()
    settings = desk.control_plane.settings
    assert told["subscription"] == {"kind": "poll"}
    assert (told["heartbeat_seconds"], told["lease_seconds"]) == (settings.heartbeat_seconds, settings.lease_seconds)
    assert told["worker"] == {
        "worker_id": told["worker"]["worker_id"],
        "name": "desk",
        "owner": desk.user_id,
        "slots": 2,
        "kinds": ["render"],
        "software_version": "0.1.0",
        "capabilities": capabilities,
        "online": True,
        "registered_at": told["server_time"],
        "last_seen_at": told["server_time"],
    }


def test_a_desk_that_comes_back_is_updated(desk: Desk) -> None:
    first = desk.http.post("/workers", json=BODY).json()["worker"]

    again = desk.http.post("/workers", json={**BODY, "worker_id": first["worker_id"], "name": "new"}).json()["worker"]

    assert (again["worker_id"], again["name"]) == (first["worker_id"], "new")
    assert again["registered_at"] == first["registered_at"] < again["last_seen_at"]
    assert desk.http.get("/workers").json()["total"] == 1


def test_a_desk_of_somebody_else_is_404(desk: Desk, stranger: Desk) -> None:
    theirs = stranger.worker()

    answer = desk.http.post("/workers", json={**BODY, "worker_id": theirs})

    assert answer.status_code == 404
    assert stranger.http.get("/workers").json()["workers"][0]["name"] == "desk"


def test_another_protocol_is_426(desk: Desk) -> None:
    answer = desk.http.post("/workers", json={**BODY, "protocol_version": PROTOCOL_VERSION + 1})

    assert (answer.status_code, answer.json()["code"]) == (426, "protocol_unsupported")
    assert str(PROTOCOL_VERSION) in answer.json()["detail"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"kinds": []}, "/kinds"),
        ({"kinds": ["mining"]}, "/kinds/0"),
        ({"slots": 0}, "/slots"),
        ({"capabilities": {"cpu_count": 0, "memory_bytes": 1}}, "/capabilities/cpu_count"),
        ({"owner": "me"}, "/owner"),
    ],
)
def test_a_wrong_field_is_422(change: dict[str, Any], pointer: str, desk: Desk) -> None:
    answer = desk.http.post("/workers", json={**BODY, **change})

    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert desk.http.get("/workers").json()["total"] == 0
