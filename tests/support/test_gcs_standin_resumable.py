"""Resumable uploads against the stand-in: sessions of both APIs, interruption, resumption, and every refusal."""

import io
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.api_core.exceptions import PreconditionFailed

from tests.support.clock import MovableClock
from tests.support.gcs_standin import Fault, GcsStandin
from tests.support.signer import SignedUrls

QUANTUM = 256 * 1024


def put_range(http: httpx.Client, session: str, content: bytes, content_range: str) -> httpx.Response:
    return http.put(session, content=content, headers={"Content-Range": content_range})


def persisted(http: httpx.Client, session: str) -> int:
    """How many bytes the session says it has, asked the way a client asks."""
    response = put_range(http, session, b"", "bytes */*")
    assert response.status_code == 308, response.text
    if "range" not in response.headers:
        return 0
    return int(response.headers["range"].removeprefix("bytes=0-")) + 1


def start_signed(http: httpx.Client, sign: SignedUrls, name: str, **headers: str) -> httpx.Response:
    url = sign(name, "RESUMABLE", content_type="video/mp4", headers=dict(headers))
    sent = {"Content-Type": "video/mp4", "x-goog-resumable": "start", **headers}
    return http.post(url, headers=sent)


@pytest.fixture
def content() -> bytes:
    return os.urandom(3 * QUANTUM + 1234)


@pytest.fixture
def session(bucket: Any, content: bytes) -> str:
    """A session the server made, as deskrun makes them: size and type bound, no overwriting."""
    url: str = bucket.blob("film").create_resumable_upload_session(
        content_type="video/mp4", size=len(content), if_generation_match=0
    )
    return url


def test_the_client_uploads_in_chunks(bucket: Any, content: bytes, standin: GcsStandin) -> None:
    blob = bucket.blob("film", chunk_size=QUANTUM)
    # Told no size, the client opens a session even for few bytes.
    blob.upload_from_file(io.BytesIO(content), content_type="video/mp4")
    assert bucket.get_blob("film").content_type == "video/mp4"
    assert blob.download_as_bytes() == content
    assert [each.status for each in standin.faults.requests() if each.method == "PUT"] == [308, 308, 308, 200]


def test_a_server_made_session_takes_one_plain_put(
    session: str, bucket: Any, content: bytes, http: httpx.Client
) -> None:
    done = http.put(session, content=content)
    assert (done.status_code, done.json()["size"]) == (200, str(len(content)))
    stored = bucket.get_blob("film")
    assert (stored.content_type, stored.download_as_bytes()) == ("video/mp4", content)


def test_a_signed_post_starts_a_session(bucket: Any, content: bytes, sign: SignedUrls, http: httpx.Client) -> None:
    started = start_signed(http, sign, "a film", **{"x-goog-content-length-range": f"1,{len(content)}"})
    assert (started.status_code, started.content) == (201, b"")
    session = started.headers["location"]
    first = put_range(http, session, content[:QUANTUM], f"bytes 0-{QUANTUM - 1}/*")
    assert (first.status_code, first.headers["range"]) == (308, f"bytes=0-{QUANTUM - 1}")
    last = put_range(http, session, content[QUANTUM:], f"bytes {QUANTUM}-{len(content) - 1}/{len(content)}")
    assert (last.status_code, last.content) == (200, b"")
    stored = bucket.get_blob("a film")
    assert (stored.content_type, stored.download_as_bytes()) == ("video/mp4", content)
    assert last.headers["x-goog-hash"].startswith(f"crc32c={stored.crc32c}")


def test_a_signed_post_must_be_signed_for_starting(sign: SignedUrls, http: httpx.Client) -> None:
    url = sign("film", "RESUMABLE")
    assert http.post(url).status_code == 400
    assert http.post(url, headers={"x-goog-resumable": "now"}).status_code == 403
    assert http.post(sign("film", "POST")).status_code == 400
    assert http.put(url, headers={"x-goog-resumable": "start"}).status_code == 403


def test_the_length_range_holds_for_a_signed_session(
    bucket: Any, content: bytes, sign: SignedUrls, http: httpx.Client
) -> None:
    def chunks() -> Iterator[bytes]:
        yield from (content[:QUANTUM], content[QUANTUM:])

    limit = {"x-goog-content-length-range": f"10,{2 * QUANTUM}"}
    announced = put_range(
        http,
        start_signed(http, sign, "film", **limit).headers["location"],
        content[:QUANTUM],
        f"bytes 0-{QUANTUM - 1}/{len(content)}",
    )
    assert announced.status_code == 400
    assert "EntityTooLarge" in announced.text
    streamed = http.put(start_signed(http, sign, "film", **limit).headers["location"], content=chunks())
    assert (streamed.status_code, "EntityTooLarge" in streamed.text) == (400, True)
    small = http.put(start_signed(http, sign, "film", **limit).headers["location"], content=b"tiny")
    assert (small.status_code, "EntityTooSmall" in small.text) == (400, True)
    assert bucket.get_blob("film") is None


def test_an_interrupted_upload_resumes_where_the_server_says(
    session: str, bucket: Any, content: bytes, standin: GcsStandin, http: httpx.Client
) -> None:
    standin.faults.add(Fault("PUT", cut_request_after_bytes=QUANTUM + 5000))
    with pytest.raises(httpx.TransportError):
        http.put(session, content=content)
    assert bucket.get_blob("film") is None
    have = persisted(http, session)
    assert have == QUANTUM
    rest = put_range(http, session, content[have:], f"bytes {have}-{len(content) - 1}/{len(content)}")
    assert rest.status_code == 200
    assert bucket.blob("film").download_as_bytes(checksum="md5") == content


def test_googles_client_recovers_from_a_cut_chunk(bucket: Any, content: bytes, standin: GcsStandin) -> None:
    standin.faults.add(Fault("PUT", "/upload/", cut_request_after_bytes=QUANTUM + 1))
    standin.faults.add(Fault("PUT", "/upload/", status=503))
    blob = bucket.blob("film", chunk_size=2 * QUANTUM)
    blob.upload_from_file(io.BytesIO(content), if_generation_match=0)
    assert blob.download_as_bytes() == content
    sent = [each.status for each in standin.faults.requests() if each.method == "PUT"]
    assert sent[:2] == [None, 503]
    assert sent[-1] == 200


def test_a_lost_answer_is_found_again(
    session: str, bucket: Any, content: bytes, standin: GcsStandin, http: httpx.Client
) -> None:
    standin.faults.add(Fault("PUT", cut_response_after_bytes=0))
    with pytest.raises(httpx.TransportError):
        http.put(session, content=content)
    asked = put_range(http, session, b"", f"bytes */{len(content)}")
    assert (asked.status_code, asked.json()["generation"]) == (200, str(bucket.get_blob("film").generation))


def test_bytes_sent_twice_count_once(session: str, bucket: Any, content: bytes, http: httpx.Client) -> None:
    assert persisted(http, session) == 0
    two = 2 * QUANTUM
    assert put_range(http, session, content[:two], f"bytes 0-{two - 1}/{len(content)}").status_code == 308
    again = put_range(http, session, content[100:], f"bytes 100-{len(content) - 1}/{len(content)}")
    assert again.status_code == 200
    assert bucket.blob("film").download_as_bytes() == content


def test_ill_fitting_ranges_are_refused(session: str, content: bytes, http: httpx.Client) -> None:
    size = len(content)
    for body, content_range, status in (
        (content[QUANTUM:], f"bytes {QUANTUM}-{size - 1}/{size}", 503),  # a gap
        (content[:1000], f"bytes 0-999/{size}", 400),  # not the last, yet under 256 KiB
        (content[:QUANTUM], f"bytes 0-{QUANTUM - 2}/{size}", 400),  # longer than it says
        (content[:QUANTUM], f"bytes 0-{QUANTUM}/{size}", 400),  # shorter than it says
        (content, f"bytes 0-{size - 1}/{size + 1}", 400),  # not the announced size
        (content, "bytes 0-/5", 400),
    ):
        response = put_range(http, session, body, content_range)
        assert response.status_code == status, (content_range, response.text)
    assert persisted(http, session) <= QUANTUM
    assert http.put(session, content=content).status_code == 200


def test_more_than_the_announced_size_is_refused(session: str, content: bytes, http: httpx.Client) -> None:
    assert http.put(session, content=content + b"!").status_code == 400
    assert http.put(session, content=content).status_code == 200


def test_an_empty_object_is_one_status_query(bucket: Any, http: httpx.Client) -> None:
    session = bucket.blob("empty").create_resumable_upload_session(size=0)
    assert put_range(http, session, b"", "bytes */0").status_code == 200
    assert bucket.get_blob("empty").size == 0


def test_a_wrong_final_digest_ends_the_session(
    session: str, bucket: Any, content: bytes, http: httpx.Client, tmp_path: Path
) -> None:
    wrong = http.put(session, content=content, headers={"x-goog-hash": "crc32c=AAAAAA=="})
    assert (wrong.status_code, "CRC32C" in wrong.text) == (400, True)
    assert bucket.get_blob("film") is None
    assert http.put(session, content=content).status_code == 410
    assert list((tmp_path / "gcs" / "staging").iterdir()) == []


def test_preconditions_hold_at_both_ends(session: str, bucket: Any, content: bytes, http: httpx.Client) -> None:
    bucket.blob("film").upload_from_string(b"came first")
    assert http.put(session, content=content).status_code == 412
    with pytest.raises(PreconditionFailed):
        bucket.blob("film").create_resumable_upload_session(if_generation_match=0)
    assert bucket.blob("film").download_as_bytes() == b"came first"


def test_a_cancelled_session_is_over(session: str, bucket: Any, content: bytes, http: httpx.Client) -> None:
    put_range(http, session, content[:QUANTUM], f"bytes 0-{QUANTUM - 1}/{len(content)}")
    assert http.delete(session).status_code == 499
    assert http.put(session, content=content).status_code == 499
    assert bucket.get_blob("film") is None


def test_unknown_and_old_sessions_are_gone(
    session: str, content: bytes, moving_clock: MovableClock, http: httpx.Client
) -> None:
    assert http.put(session + "x", content=content).status_code == 410
    moving_clock.offset = timedelta(days=6)
    assert persisted(http, session) == 0
    moving_clock.offset = timedelta(days=7, minutes=1)
    assert http.put(session, content=content).status_code == 410


def test_a_session_admits_the_origin_it_was_made_for(bucket: Any, http: httpx.Client) -> None:
    session = bucket.blob("film").create_resumable_upload_session(origin="http://desk.test")
    asked = {"Origin": "http://desk.test", "Access-Control-Request-Method": "PUT"}
    assert http.options(session, headers=asked).headers["access-control-allow-origin"] == "http://desk.test"
    foreign = http.options(session, headers=asked | {"Origin": "http://evil.test"})
    assert "access-control-allow-origin" not in foreign.headers
    done = http.put(session, content=b"x", headers={"Origin": "http://desk.test"})
    assert done.headers["access-control-allow-origin"] == "http://desk.test"
