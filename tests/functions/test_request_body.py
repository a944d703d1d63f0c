"""Reading bodies, and the identity of a creating request. The rest is seen over HTTP in ``hostile/test_bodies.py``."""

import asyncio
from typing import Any

import pytest
from starlette.requests import Request

from functions.errors import InvalidRequest, TooLarge
from functions.request_body import read_form_file, read_limited, request_key

FORM = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n%s\r\n--x--\r\n'
MULTIPART = {"content-type": "multipart/form-data; boundary=x"}


def request(*chunks: bytes, headers: dict[str, str] | None = None) -> tuple[Request, list[bytes]]:
    """A request and what is left to be read of it."""
    waiting = list(chunks)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

    raw = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    return Request({"type": "http", "method": "POST", "headers": raw}, receive), waiting


def test_a_body_is_read_whole() -> None:
    asked, _ = request(b"ab", b"", b"c")

    assert asyncio.run(read_limited(asked, 3)) == b"abc"


def test_a_body_that_is_told_to_be_too_large_is_not_read() -> None:
    asked, waiting = request(b"abcd", headers={"content-length": "4"})

    with pytest.raises(TooLarge):
        asyncio.run(read_limited(asked, 3))
    assert waiting == [b"abcd"]


def test_reading_stops_at_the_limit() -> None:
    asked, waiting = request(b"ab", b"cd", b"ef", b"gh")

    with pytest.raises(TooLarge):
        asyncio.run(read_limited(asked, 3))
    assert waiting == [b"ef", b"gh"]


def test_a_length_that_is_no_number_is_refused() -> None:
    asked, _ = request(b"", headers={"content-length": "many"})

    with pytest.raises(InvalidRequest):
        asyncio.run(read_limited(asked, 3))


def test_a_file_lives_as_long_as_the_block() -> None:
    async def read() -> Any:
        asked, _ = request(FORM % (b"y" * 2_000_000), headers=MULTIPART)
        async with read_form_file(asked, 3_000_000) as file:
            assert file.data.read(2) == b"yy"
            return file

    file = asyncio.run(read())

    assert (file.file_name, file.content_type, file.size_bytes) == ("a.mp4", "video/mp4", 2_000_000)
    assert file.data.closed


def test_a_file_over_the_limit_is_closed_too() -> None:
    async def read() -> None:
        asked, _ = request(FORM % (b"y" * 2_000_000), headers=MULTIPART)
        async with read_form_file(asked, 1_999_999):
            pytest.fail("it was let in")

    with pytest.raises(TooLarge, match="upload-url"):
        asyncio.run(read())


def test_keys_make_ids() -> None:
    headers = {"idempotency-key": "k"}
    key = request_key(headers, "anna", "POST /projects", b"{}")

    assert key == request_key(headers, "anna", "POST /projects", b"{}")
    other_body = request_key(headers, "anna", "POST /projects", b"{ }")
    assert (other_body.new_id, other_body.fingerprint == key.fingerprint) == (key.new_id, False)
    others = [
        request_key({"idempotency-key": "l"}, "anna", "POST /projects", b"{}"),
        request_key(headers, "bert", "POST /projects", b"{}"),
        request_key(headers, "anna", "POST /workers", b"{}"),
        request_key({}, "anna", "POST /projects", b"{}"),
        request_key({}, "anna", "POST /projects", b"{}"),
    ]
    assert len({key.new_id, *(other.new_id for other in others)}) == 6
    assert others[-1].fingerprint is None
