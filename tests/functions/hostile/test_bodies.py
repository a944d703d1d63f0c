"""Bodies that are too large, too deep, or no JSON at all."""

import http.client
import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from functions.domain.assets import ASSETS
from functions.endpoint import Endpoint
from functions.ports import Where
from tests.builders import Desk, timeline
from tests.functions.every_route import ALL, Belongings, call
from tests.support.control_plane import LocalControlPlane

MEGABYTE = 1024 * 1024
with_body = pytest.mark.parametrize("spec", [s for s in ALL if "body" in s.parameters], ids=lambda spec: spec.name)


@pytest.fixture(scope="module")
def belongings(control_plane: LocalControlPlane) -> Belongings:
    return Belongings(Desk(control_plane))


def _form(size_bytes: int) -> Iterator[bytes]:
    yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\nContent-Type: video/mp4\r\n\r\n'
    for _ in range(size_bytes // MEGABYTE):
        yield bytes(MEGABYTE)
    yield b"\r\n--x--\r\n"


def _stored(desk: Desk, project_id: str) -> int:
    return desk.control_plane.services.documents.count(ASSETS, Where("project_id", "==", project_id))


@pytest.mark.parametrize("length_is_told", [True, False])
def test_a_multipart_body_of_40_mb_is_413_and_leaves_nothing(length_is_told: bool, desk: Desk) -> None:  # noqa: FBT001
    project_id = desk.project()
    size_bytes = 40 * MEGABYTE
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    content: Iterator[bytes] | bytes = b"".join(_form(size_bytes)) if length_is_told else _form(size_bytes)

    answer = desk.http.post(f"/projects/{project_id}/assets", content=content, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert "upload-url" in answer.text
    assert _stored(desk, project_id) == 0
    prefix_deleted = desk.control_plane.services.objects.delete_prefix(f"{project_id}/")
    assert prefix_deleted == 0


def test_a_multipart_body_of_nobody_is_refused_before_it_is_read(control_plane: LocalControlPlane) -> None:
    where = urlsplit(control_plane.url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=30)
    connection.putrequest("POST", "/projects/p/assets")
    connection.putheader("Content-Type", "multipart/form-data; boundary=x")
    connection.putheader("Content-Length", str(40 * MEGABYTE))
    connection.endheaders()

    answer = connection.getresponse()  # not one byte of the body was sent

    assert answer.status == 401
    assert json.loads(answer.read())["code"] == "unauthenticated"
    connection.close()


@pytest.mark.parametrize("size_bytes", [31 * MEGABYTE])
def test_what_fits_is_stored(size_bytes: int, desk: Desk) -> None:
    project_id = desk.project()

    asset = desk.asset(project_id, bytes(size_bytes))

    assert asset["size_bytes"] == size_bytes


@with_body
def test_a_json_body_over_its_limit_is_413(spec: Endpoint, belongings: Belongings) -> None:
    content = b'{"name":"' + b"x" * spec.max_body_bytes + b'"}'

    answer = call(belongings.owner.http, spec, belongings.ids, json=None, content=content)

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


BAD_JSON = {
    "no json": b"{",
    "two documents": b"{}{}",
    "an array": b"[]",
    "a string": b'"x"',
    "null": b"null",
    "not utf-8": b'{"name": "\xff"}',
    "utf-16": '{"name": "x"}'.encode("utf-16"),
    "half a surrogate": b'{"name": "\\ud800"}',
    "10,000 deep": b'{"name": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "a number of 10,000 digits": b'{"name": ' + b"1" * 10_000 + b"}",
    "a form": b"name=x&status=completed",
}


@with_body
def test_a_body_that_is_not_the_endpoints_json_is_422(spec: Endpoint, belongings: Belongings) -> None:
    answers = {
        why: call(belongings.owner.http, spec, belongings.ids, json=None, content=content)
        for why, content in BAD_JSON.items()
    }

    assert {why: answer.status_code for why, answer in answers.items()} == dict.fromkeys(BAD_JSON, 422)


@pytest.mark.parametrize(
    "spec", [s for s in ALL if "body" in s.parameters and s.name != "save_timeline"], ids=lambda spec: spec.name
)
def test_an_unknown_field_is_422_with_its_pointer(spec: Endpoint, belongings: Belongings) -> None:
    answer = call(belongings.owner.http, spec, belongings.ids, json={"a/b~c": 1})

    assert answer.status_code == 422
    assert "/a~1b~0c" in [error["pointer"] for error in answer.json()["errors"]]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("render", '{"metadata": {"deep": [{"x": %s}]}}'),
        ("outputs", '{"gcs_path": "gs://deskrun/p/outputs/x.mp4", "changes": {"x": %s}}'),
        ("render", '{"preset": {"name": "mine", "video": {"framerate": %s}}}'),
    ],
)
def test_numbers_that_are_none_are_422(path: str, body: str, number: str, desk: Desk) -> None:
    project_id = desk.ready_project()

    answer = desk.http.post(f"/projects/{project_id}/{path}", content=body % number)

    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"].startswith(("/metadata", "/changes", "/preset"))
    assert desk.http.get(f"/projects/{project_id}/renders").json()["total"] == 0


@pytest.mark.parametrize("number", ["NaN", "1e999"])
@pytest.mark.parametrize("place", ["duration", "metadata"])
def test_a_timeline_with_numbers_that_are_none_is_not_saved(place: str, number: str, desk: Desk) -> None:
    project_id = desk.project()
    document = timeline(metadata={"deep": [{"x": "HERE"}]})
    if place == "duration":
        document["metadata"] = {}
        document["tracks"]["children"][0]["children"][0]["source_range"]["duration"]["value"] = "HERE"
    content = json.dumps(document).replace('"HERE"', number)

    answer = desk.http.put(f"/projects/{project_id}/timeline", content=content)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_timeline")
    assert desk.http.get(f"/projects/{project_id}/timeline").status_code == 404


def test_metadata_is_bounded_before_anything_is_written(desk: Desk) -> None:
    project_id = desk.ready_project()
    # Twice its length as JSON text with escapes, and with it over what one record can hold.
    metadata = {"notes": "\N{SNOWMAN}" * 300_000}

    answer = desk.http.post(f"/projects/{project_id}/render", json={"metadata": metadata})

    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/metadata"]
    desk.control_plane.services.objects.delete_prefix(f"{project_id}/timelines/")
    assert desk.control_plane.services.objects.delete_prefix(f"{project_id}/") == 0
