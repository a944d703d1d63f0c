"""The resumable protocol of Cloud Storage, on every backend (performing-resumable-uploads)."""

import io

import httpx
import pytest

from functions.errors import Contention
from functions.ports import UploadBinding
from tests.contract.conftest import Storage
from tests.contract.upload_checks import QUANTUM_BYTES, crc32c, eventually, pattern, put_and_hang_up

NAME = "p1/assets/big file ü.mov"
TOTAL = 3 * QUANTUM_BYTES + 1234
DATA = pattern(TOTAL)
BOUND = UploadBinding("video/quicktime", TOTAL, crc32c(DATA))


@pytest.fixture
def session(storage: Storage) -> str:
    signed = storage.objects.start_resumable(NAME, BOUND)
    assert not signed.headers
    return signed.url


def send(storage: Storage, url: str, first: int, last: int, *, total: int | str = TOTAL) -> httpx.Response:
    headers = {"Content-Range": f"bytes {first}-{last}/{total}"}
    return storage.http.put(url, content=DATA[first : last + 1], headers=headers)


def status(storage: Storage, url: str) -> httpx.Response:
    return storage.http.put(url, headers={"Content-Range": f"bytes */{TOTAL}"})


def kept(answer: httpx.Response) -> int:
    assert answer.status_code == 308, answer.text
    return int(answer.headers["range"].removeprefix("bytes=0-")) + 1 if "range" in answer.headers else 0


def stored(storage: Storage) -> bytes:
    found = storage.objects.stat(NAME)
    assert found is not None
    assert (found.size_bytes, found.crc32c, found.content_type) == (TOTAL, crc32c(DATA), "video/quicktime")
    with storage.objects.open(NAME) as stream:
        return stream.read()


def test_chunk_by_chunk(storage: Storage, session: str) -> None:
    assert kept(status(storage, session)) == 0
    assert kept(send(storage, session, 0, QUANTUM_BYTES - 1)) == QUANTUM_BYTES
    assert kept(send(storage, session, QUANTUM_BYTES, 3 * QUANTUM_BYTES - 1)) == 3 * QUANTUM_BYTES
    assert kept(status(storage, session)) == 3 * QUANTUM_BYTES
    assert storage.objects.stat(NAME) is None
    assert send(storage, session, 3 * QUANTUM_BYTES, TOTAL - 1).status_code in {200, 201}
    assert stored(storage) == DATA


def test_total_may_be_unknown_until_the_last_chunk(storage: Storage, session: str) -> None:
    assert kept(send(storage, session, 0, QUANTUM_BYTES - 1, total="*")) == QUANTUM_BYTES
    assert send(storage, session, QUANTUM_BYTES, TOTAL - 1).status_code in {200, 201}
    assert stored(storage) == DATA


def test_all_in_one_request(storage: Storage, session: str) -> None:
    assert storage.http.put(session, content=DATA).status_code in {200, 201}
    assert stored(storage) == DATA


def test_a_finished_session_answers_that_it_is_finished(storage: Storage, session: str) -> None:
    storage.http.put(session, content=DATA)
    assert status(storage, session).status_code in {200, 201}
    assert send(storage, session, 0, TOTAL - 1).status_code in {200, 201}
    assert stored(storage) == DATA


def test_what_is_short_of_a_quantum_is_not_kept(storage: Storage, session: str) -> None:
    assert kept(send(storage, session, 0, QUANTUM_BYTES + 999)) == QUANTUM_BYTES
    assert send(storage, session, QUANTUM_BYTES, QUANTUM_BYTES + 999).status_code == 400
    assert kept(status(storage, session)) == QUANTUM_BYTES
    assert send(storage, session, QUANTUM_BYTES, TOTAL - 1).status_code in {200, 201}
    assert stored(storage) == DATA


def test_a_chunk_that_leaves_a_gap_is_not_taken(storage: Storage, session: str) -> None:
    send(storage, session, 0, QUANTUM_BYTES - 1)
    assert send(storage, session, 2 * QUANTUM_BYTES, TOTAL - 1).status_code == 503
    assert kept(status(storage, session)) == QUANTUM_BYTES


def test_bytes_that_are_there_already_are_skipped(storage: Storage, session: str) -> None:
    send(storage, session, 0, 2 * QUANTUM_BYTES - 1)
    assert kept(send(storage, session, 0, QUANTUM_BYTES - 1)) == 2 * QUANTUM_BYTES
    assert send(storage, session, QUANTUM_BYTES + 17, TOTAL - 1).status_code in {200, 201}
    assert stored(storage) == DATA


def test_a_cut_off_chunk_is_resumed(storage: Storage, session: str) -> None:
    send(storage, session, 0, QUANTUM_BYTES - 1)
    put_and_hang_up(
        session,
        {"Content-Range": f"bytes {QUANTUM_BYTES}-{TOTAL - 1}/{TOTAL}"},
        announced_bytes=TOTAL - QUANTUM_BYTES,
        sent=DATA[QUANTUM_BYTES : 2 * QUANTUM_BYTES + 5000],
    )
    assert eventually(lambda: kept(status(storage, session)) == 2 * QUANTUM_BYTES)
    assert send(storage, session, 2 * QUANTUM_BYTES, TOTAL - 1).status_code in {200, 201}
    assert stored(storage) == DATA


@pytest.mark.parametrize("content_range", ["bytes", "bytes 5-x/9", "bytes */-1", "chunks 0-1/2", "bytes 0-1"])
def test_a_malformed_content_range_is_refused(storage: Storage, session: str, content_range: str) -> None:
    answer = storage.http.put(session, content=b"xx", headers={"Content-Range": content_range})
    assert answer.status_code == 400
    assert kept(status(storage, session)) == 0


def test_another_total_is_refused(storage: Storage, session: str) -> None:
    assert send(storage, session, 0, QUANTUM_BYTES - 1, total=TOTAL - 1).status_code == 400
    assert send(storage, session, 0, QUANTUM_BYTES - 1, total=TOTAL + 1).status_code == 400
    assert storage.http.put(session, content=DATA + b"x").status_code == 400
    assert storage.objects.stat(NAME) is None


def test_a_body_unlike_its_content_range_is_refused(storage: Storage, session: str) -> None:
    headers = {"Content-Range": f"bytes 0-{QUANTUM_BYTES - 1}/{TOTAL}"}
    assert storage.http.put(session, content=DATA[: QUANTUM_BYTES + 1], headers=headers).status_code == 400
    assert storage.http.put(session, content=DATA[: QUANTUM_BYTES - 1], headers=headers).status_code == 400
    assert storage.objects.stat(NAME) is None


def test_other_bytes_end_the_session(storage: Storage, session: str) -> None:
    answer = storage.http.put(session, content=DATA[:-1] + b"!")
    assert answer.status_code == 400
    assert storage.objects.stat(NAME) is None
    assert status(storage, session).status_code in {404, 410}


def test_the_second_of_two_sessions_does_not_replace(storage: Storage, session: str) -> None:
    other = storage.objects.start_resumable(NAME, BOUND).url
    assert other != session
    assert storage.http.put(session, content=DATA).status_code in {200, 201}
    assert storage.http.put(other, content=DATA).status_code == 412
    assert stored(storage) == DATA


def test_an_unknown_session_is_gone(storage: Storage, session: str) -> None:
    assert status(storage, session[:-3] + "abc").status_code in {404, 410}
    assert storage.http.put(session[:-3] + "abc", content=DATA).status_code in {404, 410}
    assert storage.objects.stat(NAME) is None


def test_a_cancelled_session_is_over(storage: Storage, session: str) -> None:
    send(storage, session, 0, QUANTUM_BYTES - 1)
    assert storage.http.delete(session).status_code == 499
    assert send(storage, session, QUANTUM_BYTES, TOTAL - 1).status_code in {404, 410, 499}
    assert storage.objects.stat(NAME) is None


@pytest.mark.parametrize("binding", [UploadBinding("video/mp4"), UploadBinding(size_bytes=5), UploadBinding()])
def test_a_session_needs_type_and_size(storage: Storage, binding: UploadBinding) -> None:
    with pytest.raises(ValueError, match="content type and a size"):
        storage.objects.start_resumable(NAME, binding)


def test_a_session_does_not_start_where_an_object_is(storage: Storage) -> None:
    storage.objects.write(NAME, io.BytesIO(b"there"), content_type="text/plain")
    with pytest.raises(Contention):
        storage.objects.start_resumable(NAME, BOUND)
    storage.objects.delete(NAME)
    assert storage.http.put(storage.objects.start_resumable(NAME, BOUND).url, content=DATA).status_code in {200, 201}
    assert stored(storage) == DATA
