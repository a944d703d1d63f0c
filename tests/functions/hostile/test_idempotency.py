"""The same call twice, one after the other and at once, with and without the same body."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from functions.endpoint import Endpoint
from tests.builders import Desk
from tests.functions.every_route import ALL, Belongings, call
from tests.support.control_plane import LocalControlPlane

creating = pytest.mark.parametrize(
    "spec", [s for s in ALL if "request_key" in s.parameters], ids=lambda spec: spec.name
)
OTHER_BODY: dict[str, dict[str, Any]] = {
    "create_project": {"json": {"name": "another"}},
    "create_render": {"json": {"job_type": "preview"}},
    "create_asset_upload": {"json": {"filename": "b.mp4", "content_type": "video/mp4", "size_bytes": 2}},
    "upload_asset": {"files": {"file": ("a.mp4", b"other bytes", "video/mp4")}},
    "register_worker": {
        "json": {"name": "another", "kinds": ["render"], "software_version": "1", "protocol_version": 1}
    },
}


@pytest.fixture(scope="module")
def belongings(control_plane: LocalControlPlane) -> Belongings:
    return Belongings(Desk(control_plane))


def new_id(answer: httpx.Response) -> str:
    """The id of what was created, wherever the answer has it."""
    told = answer.json()
    inner = told.get("job") or told.get("asset") or told.get("worker") or told
    (found,) = [inner[name] for name in ("job_id", "asset_id", "worker_id", "project_id") if name in inner][:1]
    return str(found)


def in_parallel(calls: list[Callable[[], httpx.Response]]) -> list[httpx.Response]:
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def test_every_creating_call_of_the_protocol_takes_a_key() -> None:
    names = {spec.name for spec in ALL if "request_key" in spec.parameters}

    assert names == set(OTHER_BODY)


@creating
def test_the_same_key_and_request_is_the_same_thing(spec: Endpoint, belongings: Belongings) -> None:
    http, headers = belongings.owner.http, {"Idempotency-Key": f"same {spec.name}"}
    prefixed = httpx.Client(base_url=f"{http.base_url}/api/v1", headers=http.headers, trust_env=False)

    answers = [call(client, spec, belongings.ids, headers=headers) for client in (http, http, prefixed)]
    without = call(http, spec, belongings.ids)

    prefixed.close()
    assert [answer.status_code for answer in answers] == [spec.status] * 3
    assert len({new_id(answer) for answer in answers}) == 1
    assert new_id(without) != new_id(answers[0])


@creating
def test_the_same_key_with_another_body_is_409(spec: Endpoint, belongings: Belongings) -> None:
    http, headers = belongings.owner.http, {"Idempotency-Key": f"other {spec.name}"}
    first = call(http, spec, belongings.ids, headers=headers)

    second = call(http, spec, belongings.ids, headers=headers, **OTHER_BODY[spec.name])

    assert (second.status_code, second.json()["code"]) == (409, "idempotency_key_reused")
    assert new_id(call(http, spec, belongings.ids, headers=headers)) == new_id(first)


@creating
def test_many_at_once_make_one_thing(spec: Endpoint, belongings: Belongings) -> None:
    http, headers = belongings.owner.http, {"Idempotency-Key": f"at once {spec.name}"}

    answers = in_parallel([lambda: call(http, spec, belongings.ids, headers=headers)] * 8)

    assert [answer.status_code for answer in answers] == [spec.status] * 8
    assert len({new_id(answer) for answer in answers}) == 1


def test_two_files_at_once_under_one_key_are_never_mixed_up(desk: Desk) -> None:
    project_id = desk.project()
    files = [b"one" * 100_000, b"another" * 100_000]

    for round_number in range(5):
        headers = {"Idempotency-Key": str(round_number)}

        def post(data: bytes, headers: dict[str, str] = headers) -> httpx.Response:
            form = {"file": ("a.mp4", data, "video/mp4")}
            return desk.http.post(f"/projects/{project_id}/assets", files=form, headers=headers)

        answers = in_parallel([lambda data=data: post(data) for data in files])  # type: ignore[misc]
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        asset = next(answer.json()["asset"] for answer in answers if answer.status_code == 200)
        url = desk.http.get(f"/projects/{project_id}/assets/{asset['asset_id']}/download").json()["url"]
        assert httpx.get(url, trust_env=False).content == files[[a.status_code for a in answers].index(200)]


def test_a_key_belongs_to_its_user_and_path(desk: Desk, stranger: Desk) -> None:
    headers = {"Idempotency-Key": "shared"}
    first, second = desk.ready_project(), desk.ready_project()

    ids = [d.http.post("/projects", json={"name": "x"}, headers=headers).json()["project_id"] for d in (desk, stranger)]
    jobs = [
        desk.http.post(f"/projects/{p}/render", json={}, headers=headers).json()["job"]["job_id"]
        for p in (first, second)
    ]

    assert len({*ids, *jobs}) == 4


@pytest.mark.parametrize("key", ["", "x" * 129, "caf\xe9", "a\tb"])
def test_a_key_that_is_none_is_422(key: str, desk: Desk) -> None:
    headers = [(b"Idempotency-Key", key.encode("latin-1"))]

    answer = desk.http.post("/projects", json={"name": "x"}, headers=headers)

    assert answer.status_code == 422
    assert "Idempotency-Key" in answer.json()["detail"]
