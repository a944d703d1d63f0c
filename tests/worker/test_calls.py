import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from schemas.errors import HTTP_STATUS, ErrorCode, Problem
from schemas.jobs import JobStatus
from schemas.message import Page
from schemas.projects import CreateProject
from schemas.renders import RenderProgress
from tests.support.scripted import ScriptedServer
from worker import calls
from worker.control_plane import ControlPlane
from worker.errors import (
    ControlPlaneError,
    Gone,
    LeaseHeld,
    LeaseLost,
    Offline,
    Refused,
    Retry,
    Unauthenticated,
    Unsupported,
    UploadRejected,
)

ResultT = TypeVar("ResultT")
EMPTY_LIST = {"ok": True, "projects": [], "total": 0}


def call(
    url: str, work: Callable[[ControlPlane], Awaitable[ResultT]], token: Callable[[], str | None] = lambda: "t"
) -> ResultT:
    async def main() -> ResultT:
        async with ControlPlane(url, token) as plane:
            return await work(plane)

    return asyncio.run(main())


def list_projects(plane: ControlPlane) -> Awaitable[Any]:
    return plane.list_projects(Page())


def answering(status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> ScriptedServer:
    async def handler(_: Request) -> Response:
        return JSONResponse(body, status, headers, media_type=calls.PROBLEM_TYPE if status >= 400 else None)

    return ScriptedServer(handler)


def problem(code: str, status: int, **more: Any) -> dict[str, Any]:
    return {
        "title": "t", "status": status, "detail": f"detail of {code}", "code": code, "request_id": "r", **more
    }  # fmt: skip


REACTIONS: dict[ErrorCode, type[ControlPlaneError]] = {
    ErrorCode.INVALID_REQUEST: Refused,
    ErrorCode.INVALID_TIMELINE: Refused,
    ErrorCode.UNAUTHENTICATED: Unauthenticated,
    ErrorCode.FORBIDDEN: Gone,
    ErrorCode.NOT_FOUND: Gone,
    ErrorCode.METHOD_NOT_ALLOWED: Refused,
    ErrorCode.ILLEGAL_STATE: LeaseLost,
    ErrorCode.LEASE_HELD: LeaseHeld,
    ErrorCode.LEASE_LOST: LeaseLost,
    ErrorCode.IDEMPOTENCY_KEY_REUSED: Refused,
    ErrorCode.VERSION_CONFLICT: Refused,
    ErrorCode.UPLOAD_MISSING: UploadRejected,
    ErrorCode.UPLOAD_MISMATCH: UploadRejected,
    ErrorCode.TOO_LARGE: Refused,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: Refused,
    ErrorCode.NOT_APPLICABLE: Refused,
    ErrorCode.PROTOCOL_UNSUPPORTED: Unsupported,
    ErrorCode.CONTENTION: Retry,
    ErrorCode.UNAVAILABLE: Retry,
    ErrorCode.INTERNAL: Retry,
}


@pytest.mark.parametrize("code", list(ErrorCode))
def test_every_error_code_has_the_reaction_of_the_protocol(code: ErrorCode) -> None:
    with answering(HTTP_STATUS[code], problem(code, HTTP_STATUS[code])) as server:
        with pytest.raises(ControlPlaneError, match=f"detail of {code}") as caught:
            call(server.url, list_projects)
        assert type(caught.value) is REACTIONS[code]
        assert caught.value.problem is not None
        assert caught.value.problem.code is code


PORTAL = b"<html>Welcome to the hotel</html>"
OTHER_S_PROBLEM = b'{"title": "t", "status": 404, "detail": "d"}'


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *[(status, Offline) for status in (302, 400, 403, 404, 405, 407, 409, 410, 413, 422, 426, 451)],
        *[(401, Unauthenticated), (429, Retry), (500, Retry), (502, Retry), (504, Retry), (511, Retry)],
    ],
)
@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (PORTAL, "text/html"),
        (PORTAL, calls.PROBLEM_TYPE),
        (OTHER_S_PROBLEM, calls.PROBLEM_TYPE),
        (json.dumps(problem("not_found", 404)).encode(), "text/html"),
    ],
    ids=["portal", "no problem", "another's problem", "another's type"],
)
def test_what_somebody_else_answers_says_nothing_about_our_jobs(
    status: int, kind: type[ControlPlaneError], body: bytes, media_type: str
) -> None:
    async def handler(_: Request) -> Response:
        return Response(body, status, media_type=media_type)

    with ScriptedServer(handler) as server, pytest.raises(ControlPlaneError) as caught:
        call(server.url, list_projects)
    assert type(caught.value) is kind
    assert caught.value.problem is None


def test_wrong_places_are_named() -> None:
    errors = [{"pointer": "/name", "message": "too long"}]
    with (
        answering(422, problem("invalid_request", 422, errors=errors)) as server,
        pytest.raises(Refused, match="/name: too long"),
    ):
        call(server.url, list_projects)


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("-1", None)])
def test_retry_after_is_read_in_seconds(header: str, seconds: float | None) -> None:
    with answering(503, {}, {"Retry-After": header}) as server, pytest.raises(Retry) as caught:
        call(server.url, list_projects)
    assert caught.value.after_seconds == seconds


def test_after_a_401_the_token_is_loaded_again_once() -> None:
    async def handler(request: Request) -> Response:
        fresh = request.headers["Authorization"] == "Bearer fresh"
        return JSONResponse(EMPTY_LIST if fresh else {}, 200 if fresh else 401)

    tokens = iter(["stale", "fresh"])
    with ScriptedServer(handler) as server:
        call(server.url, list_projects, lambda: next(tokens))
        assert len(server.seen) == 2


def test_a_token_that_stays_wrong_is_not_sent_twice() -> None:
    with answering(401, {}) as server:
        with pytest.raises(Unauthenticated):
            call(server.url, list_projects)
        assert len(server.seen) == 1


def test_without_a_token_nothing_is_sent() -> None:
    with answering(200, EMPTY_LIST) as server:
        with pytest.raises(Unauthenticated, match="deskrun login"):
            call(server.url, list_projects, lambda: None)
        assert server.seen == []


def test_a_lease_token_needs_no_account() -> None:
    report = RenderProgress(job_id="j", status=JobStatus.PROCESSING, progress=1)
    answer = {"ok": True, "status": "processing", "cancel_requested": False, "lease_expires_at": None}
    with answering(200, answer) as server:
        call(server.url, lambda plane: plane.report_render("p", report, lease_token="lease"), lambda: None)
        (seen,) = server.seen
    assert (seen.method, seen.path) == ("POST", "/projects/p/renders/j/webhook")
    assert seen.headers["x-lease-token"] == "lease"
    assert "authorization" not in seen.headers
    assert json.loads(seen.body) == {"job_id": "j", "status": "processing", "progress": 1.0, "released": False}


def test_a_login_that_ran_out_leaves_a_call_under_a_lease_its_lease_token() -> None:
    async def handler(request: Request) -> Response:
        if "Authorization" in request.headers:
            return JSONResponse(problem("unauthenticated", 401), 401, media_type=calls.PROBLEM_TYPE)
        answer = {"ok": True, "status": "processing", "cancel_requested": False, "lease_expires_at": None}
        return JSONResponse(answer)

    report = RenderProgress(job_id="j", status=JobStatus.PROCESSING, progress=1)
    tokens = iter(["expired", "expired too"])
    with ScriptedServer(handler) as server:
        call(server.url, lambda plane: plane.report_render("p", report, lease_token="lease"), lambda: next(tokens))
        sent = [(seen.headers.get("authorization"), seen.headers["x-lease-token"]) for seen in server.seen]
    assert sent == [("Bearer expired", "lease"), ("Bearer expired too", "lease"), (None, "lease")]


def test_a_lease_token_that_is_refused_alone_is_not_sent_twice() -> None:
    report = RenderProgress(job_id="j", status=JobStatus.PROCESSING, progress=1)
    with answering(401, problem("unauthenticated", 401)) as server:
        with pytest.raises(Unauthenticated):
            call(server.url, lambda plane: plane.report_render("p", report, lease_token="lease"), lambda: None)
        assert len(server.seen) == 1


def test_a_creating_call_carries_its_key() -> None:
    project: dict[str, Any] = {"project_id": "p", "name": "n", "owner": "o", "members": [], "timeline_version": None}
    times = {"created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"}
    with answering(201, project | times) as server:
        call(server.url, lambda plane: plane.create_project(CreateProject(name="n"), idempotency_key="key"))
        assert server.seen[0].headers["idempotency-key"] == "key"


@pytest.mark.parametrize("project_id", ["..", "../workers", "a/b", "", "a?b", "a%2Fb"])
def test_what_is_no_id_never_leaves_the_desk(project_id: str) -> None:
    with answering(200, EMPTY_LIST) as server:
        with pytest.raises(Gone):
            call(server.url, lambda plane: plane.get_project(project_id))
        assert server.seen == []


@pytest.mark.parametrize("body", [PORTAL, b"", b"\xff\xfe", b"null", b'{"ok": true}'])
def test_a_stranger_on_the_port_counts_as_offline(body: bytes) -> None:
    async def portal(_: Request) -> Response:
        return Response(body, headers={"Date": "Wed, 21 Oct 99999999999999999999 07:28:00 GMT"})

    with ScriptedServer(portal) as server, pytest.raises(Offline, match="not deskrun"):
        call(server.url, list_projects)


def test_nobody_there_is_offline() -> None:
    with answering(200, {}) as server:
        url = server.url
    with pytest.raises(Offline):
        call(url, list_projects)


def test_a_server_that_drips_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def drip(_: Request) -> Response:
        async def body() -> Any:
            while True:
                yield b" "
                await asyncio.sleep(0.05)

        return StreamingResponse(body())

    monkeypatch.setattr(calls, "CONNECT_SECONDS", 0.2)

    def short(plane: ControlPlane) -> Awaitable[Any]:
        return plane._call(Problem, "GET", "x", answer_seconds=0.3)

    with ScriptedServer(drip) as server, pytest.raises(Offline, match="did not finish"):
        call(server.url, short)


def test_a_redirect_does_not_carry_the_token_away() -> None:
    async def handler(_: Request) -> Response:
        return Response(status_code=307, headers={"Location": "http://127.0.0.1:1/"})

    with ScriptedServer(handler) as server:
        with pytest.raises(Offline):
            call(server.url, list_projects)
        assert len(server.seen) == 1
