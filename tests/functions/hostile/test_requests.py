"""Request lines and headers that nobody sends by accident, over a bare socket."""

import json
import logging
import re
import socket
from urllib.parse import urlsplit

import pytest

from tests.builders import Desk
from tests.support.control_plane import LocalControlPlane, make_token


def exchange(control_plane: LocalControlPlane, *lines: bytes, token: str | None = None) -> tuple[int, bytes]:
    """Send a request of just these lines; status and everything that came back."""
    where = urlsplit(control_plane.url)
    own = [b"Authorization: Bearer " + token.encode()] if token else []
    with socket.create_connection((where.hostname, where.port), timeout=30) as connection:
        connection.sendall(b"\r\n".join([*lines, *own, b"Connection: close", b"", b""]))
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return int(answer.split(b" ", 2)[1]), answer


@pytest.mark.parametrize("given", ["x" * 65, "a b", "a\\nb", "<script>", '"}', ""])
def test_a_request_id_that_is_none_is_replaced(given: str, desk: Desk) -> None:
    answer = desk.http.get("/projects", headers={"X-Request-Id": given})

    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])


def test_a_request_id_is_kept_and_told_in_problems(desk: Desk) -> None:
    answer = desk.http.get("/projects/unknown", headers={"X-Request-Id": "trace-1.a_b"})

    assert (answer.headers["x-request-id"], answer.json()["request_id"]) == ("trace-1.a_b", "trace-1.a_b")


def test_a_request_id_cannot_add_headers_or_log_lines(
    control_plane: LocalControlPlane, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    evil = b"X-Request-Id: a%0d%0aSet-Cookie:%20x=1"

    status, answer = exchange(control_plane, b"GET /projects/a%0afaked%20line HTTP/1.1", b"Host: x", evil, token="no")

    assert status == 404
    assert b"set-cookie" not in answer.lower()
    assert not [record for record in caplog.records if "\n" in record.getMessage()]


@pytest.mark.parametrize("host", [b"[", b"a/b", b"x:y", b"user@host", b"", b"\xff"])
@pytest.mark.parametrize("path", [b"/projects", b"/projects?x=\xff", b"/projects?limit=%ff"])
def test_odd_hosts_and_queries_are_never_a_defect(host: bytes, path: bytes, control_plane: LocalControlPlane) -> None:
    token = make_token("anna")

    status, _ = exchange(control_plane, b"GET " + path + b" HTTP/1.1", b"Host: " + host, token=token)

    assert status in {200, 400, 422}


def test_an_encoded_question_mark_is_part_of_the_path(desk: Desk) -> None:
    project_id = desk.project()

    assert desk.http.get(f"/projects/{project_id}%3Fx").status_code == 404
    assert desk.http.get(f"/projects/{project_id}%23x").status_code == 404


@pytest.mark.parametrize("length", [b"Content-Length: x", b"Content-Length: -1", b"Content-Length: 1, 2"])
def test_a_wrong_content_length_is_400_or_422(length: bytes, control_plane: LocalControlPlane) -> None:
    status, _ = exchange(control_plane, b"POST /projects HTTP/1.1", b"Host: x", length, token=make_token("anna"))

    assert status in {400, 422}


def test_the_wrong_method_names_the_right_ones(desk: Desk) -> None:
    answer = desk.http.patch(f"/projects/{desk.project()}")

    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert sorted(answer.headers["allow"].split(", ")) == ["DELETE", "GET"]


def test_an_unknown_path_is_a_problem_document(desk: Desk) -> None:
    answer = desk.http.get("/nowhere")

    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert json.loads(answer.content) == {
        "ok": False,
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is no such path.",
        "code": "not_found",
        "request_id": answer.headers["x-request-id"],
        "errors": [],
    }
