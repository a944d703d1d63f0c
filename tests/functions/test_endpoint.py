"""The ``@endpoint`` machinery itself, as a deployed function uses it: declaration, entry point, defects."""

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from functions import wiring
from functions.auth import JobCaller, User
from functions.endpoint import DEFAULT_BODY_BYTES, MULTIPART_BYTES, Deployment, Endpoint, endpoint
from functions.ports import Services
from functions.request_body import FormFile, RequestKey
from functions.settings import Settings
from schemas.ids import ProjectId
from schemas.message import Deleted
from schemas.message import Request as Body


class Thing(Body):
    size: int


def spec_of(entry: Any) -> Endpoint:
    found: Endpoint = entry.endpoint
    return found


def request(
    method: str, path: str, *, body: bytes = b"", headers: dict[str, str] | None = None, leaves: bool = False
) -> Request:
    """A request as the functions framework hands it over."""
    sent = {"authorization": "Bearer dev", **(headers or {})}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
    }

    async def receive() -> dict[str, Any]:
        if leaves:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(scope, receive)


@pytest.fixture
def services(tmp_path: Path) -> Any:
    parts = wiring.local_parts(Settings.model_validate({"data_dir": tmp_path, "DEV_API_TOKEN": "dev"}))
    yield parts.services
    parts.close()


def answer(entry: Any, asked: Request, services: Services, **path_values: str) -> tuple[int, dict[str, Any]]:
    response = asyncio.run(spec_of(entry).respond(asked, path_values, services))
    return response.status_code, json.loads(bytes(response.body)) if response.body else {}


@endpoint("POST /things/{project_id}")
def make_thing(project_id: ProjectId, body: Thing, caller: User, services: Services) -> Deleted:
    """Make a thing.

    Not of interest in a table.
    """
    if body.size == 0:
        raise ZeroDivisionError("a secret detail")
    return Deleted()


def test_what_is_declared_is_what_is_deployed() -> None:
    spec = spec_of(make_thing)

    assert (spec.name, spec.method, spec.path, spec.status) == ("make_thing", "POST", "/things/{project_id}", 200)
    assert (spec.summary, spec.answer, spec.waits) == ("Make a thing.", Deleted, False)
    assert (spec.deployment, spec.max_body_bytes) == (Deployment(), DEFAULT_BODY_BYTES)
    assert make_thing.__name__ == "make_thing"
    assert make_thing.__module__ == __name__


def test_a_file_raises_the_limit_of_the_body() -> None:
    @endpoint("POST /files")
    def make_file(file: FormFile, caller: User) -> Deleted:
        return Deleted()

    assert spec_of(make_file).max_body_bytes == MULTIPART_BYTES


def test_a_signature_that_does_not_fit_the_route_is_refused_at_import() -> None:
    def missing(caller: User) -> Deleted:
        return Deleted()

    def surplus(project_id: ProjectId, other: str, caller: User) -> Deleted:
        return Deleted()

    def open_to_all(project_id: ProjectId) -> Deleted:
        return Deleted()

    def keyed(project_id: ProjectId, caller: JobCaller, request_key: RequestKey) -> Deleted:
        return Deleted()

    for handler in (missing, surplus, open_to_all, keyed):
        with pytest.raises(TypeError, match=handler.__name__):
            endpoint("POST /things/{project_id}")(handler)


def test_a_defect_is_a_500_that_tells_nothing_and_is_logged(
    services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    status, problem = answer(make_thing, request("POST", "/things/p", body=b'{"size": 0}'), services, project_id="p")

    assert (status, problem["code"]) == (500, "internal")
    assert "secret" not in json.dumps(problem)
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert record.exc_info
    assert record.exc_info[0] is ZeroDivisionError


def test_values_of_a_refused_body_are_not_repeated(services: Services) -> None:
    asked = request("POST", "/things/p", body=b'{"size": "my password"}')

    status, problem = answer(make_thing, asked, services, project_id="p")

    assert (status, [error["pointer"] for error in problem["errors"]]) == (422, ["/size"])
    assert "password" not in json.dumps(problem)


def test_a_client_that_left_is_no_defect(services: Services, caplog: pytest.LogCaptureFixture) -> None:
    status, _ = answer(make_thing, request("POST", "/things/p", leaves=True), services, project_id="p")

    assert status == 499
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_each_request_is_logged_on_one_line(services: Services, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="functions")

    answer(make_thing, request("POST", "/things/a\nfaked", body=b'{"size": 1}'), services, project_id="a\nfaked")

    (record,) = [record for record in caplog.records if record.name == "functions.endpoint"]
    assert record.getMessage() == "POST /things/a%0Afaked -> 404"


def test_the_entry_point_of_a_deployed_function_checks_method_and_path(
    monkeypatch: pytest.MonkeyPatch, services: Services
) -> None:
    monkeypatch.setattr(wiring, "services", lambda: services)

    async def statuses() -> list[int]:
        asked = [
            request("POST", "/things/p", body=b'{"size": 1}'),
            request("POST", "/api/v1/things/p", body=b'{"size": 1}'),
            request("GET", "/things/p"),
            request("POST", "/other"),
        ]
        return [(await make_thing(one)).status_code for one in asked]

    assert asyncio.run(statuses()) == [200, 200, 405, 404]


def test_an_empty_body_is_an_empty_object(services: Services) -> None:
    status, problem = answer(make_thing, request("POST", "/things/p"), services, project_id="p")

    assert (status, [error["pointer"] for error in problem["errors"]]) == (422, ["/size"])
