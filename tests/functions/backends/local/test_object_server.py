"""What only the folder store's HTTP side shows: its problem documents, restarts, kills, a full disk, quiet threads."""

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from functions.backends.local import staged_file
from functions.backends.local.database import Database
from functions.backends.local.object_server import routes
from functions.backends.local.objects import FolderObjectStore
from functions.ports import RESUMABLE_SECONDS, UploadBinding
from schemas.errors import Problem
from tests.contract.loopback import free_socket, serving
from tests.contract.upload_checks import QUANTUM_BYTES, crc32c, eventually, pattern, put_and_hang_up
from tests.functions.backends.local import object_service
from tests.functions.backends.local.object_service import open_store
from tests.support.clock import MovableClock

TOTAL = 4 * QUANTUM_BYTES + 17
DATA = pattern(TOTAL)
BOUND = UploadBinding("video/mp4", TOTAL, crc32c(DATA))


@pytest.fixture
def store(database: Database, tmp_path: Path, clock: MovableClock) -> Iterator[FolderObjectStore]:
    with free_socket() as (listener, url):
        opened = FolderObjectStore(database, tmp_path, bucket="deskrun", public_url=url, clock=clock)
        with serving(Starlette(routes=routes(opened)), listener):
            yield opened


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=60) as client:
        yield client


def problem(answer: httpx.Response) -> Problem:
    assert answer.headers["content-type"] == "application/problem+json"
    read = Problem.model_validate_json(answer.content)
    assert read.status == answer.status_code
    assert read.request_id == answer.headers["x-request-id"]
    return read


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_refusals_say_what_is_wrong(store: FolderObjectStore, http: httpx.Client) -> None:
    signed = store.sign_upload("a", BOUND, expires_seconds=60)
    headers = dict(signed.headers)
    bare = problem(http.put(signed.url, content=DATA))
    assert (bare.status, bare.code) == (403, "forbidden")
    assert "Content-Type: video/mp4" in bare.detail
    short = problem(http.put(signed.url, content=b"x", headers=headers))
    assert (short.status, short.code) == (400, "upload_mismatch")
    assert str(TOTAL) in short.detail
    wrong = problem(http.put(signed.url, content=DATA[::-1], headers=headers))
    assert (wrong.status, wrong.code) == (400, "upload_mismatch")
    assert crc32c(DATA) in wrong.detail
    assert http.put(signed.url, content=DATA, headers=headers).status_code == 200
    again = problem(http.put(signed.url, content=DATA, headers=headers))
    assert (again.status, again.code) == (412, "version_conflict")
    assert problem(http.get(store.sign_download("b", expires_seconds=60))).code == "not_found"
    assert problem(http.get(signed.url)).status == 403
    download = store.sign_download("a", expires_seconds=60)
    assert problem(http.get(download, headers={"Range": "bytes=99999999-"})).status == 416
    assert files(store.folder) == [path for path in files(store.folder) if path.stat().st_size == TOTAL]


def test_an_expired_url_says_so(store: FolderObjectStore, http: httpx.Client, clock: MovableClock) -> None:
    url = store.sign_download("a", expires_seconds=60)
    clock.offset += timedelta(seconds=61)
    assert "expired" in problem(http.get(url)).detail


def test_uploaded_pages_cannot_act_as_the_control_plane(store: FolderObjectStore, http: httpx.Client) -> None:
    signed = store.sign_upload("page", UploadBinding("text/html"), expires_seconds=60)
    http.put(signed.url, content=b"<script>", headers=dict(signed.headers))
    answer = http.get(store.sign_download("page", expires_seconds=60))
    assert answer.headers["content-security-policy"] == "sandbox"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_download_goes_on_only_with_the_same_bytes(store: FolderObjectStore, http: httpx.Client) -> None:
    signed = store.sign_upload("a", UploadBinding("video/mp4"), expires_seconds=60)
    http.put(signed.url, content=b"0123456789", headers=dict(signed.headers))
    url = store.sign_download("a", expires_seconds=60)
    etag = http.get(url).headers["etag"]
    headers = {"Range": "bytes=5-", "If-Range": etag}
    assert http.get(url, headers=headers).content == b"56789"
    http.put(signed.url, content=b"abcdefghij", headers=dict(signed.headers))
    assert http.get(url, headers=headers).content == b"abcdefghij"


def test_names_with_dots_work_in_urls(store: FolderObjectStore, http: httpx.Client) -> None:
    signed = store.sign_upload("a/../../b", UploadBinding(), expires_seconds=60)
    assert http.put(signed.url, content=b"x").status_code == 200
    assert http.get(store.sign_download("a/../../b", expires_seconds=60)).content == b"x"


def test_a_client_that_leaves_leaves_no_file(store: FolderObjectStore, http: httpx.Client) -> None:
    signed = store.sign_upload("a", UploadBinding(), expires_seconds=60)
    put_and_hang_up(signed.url, {}, announced_bytes=3_000_000, sent=bytes(2_000_000))
    http.put(signed.url, content=b"another").raise_for_status()
    assert eventually(lambda: len(files(store.folder)) == 1)


def test_a_session_lasts_as_long_as_its_ticket_says(
    store: FolderObjectStore, http: httpx.Client, clock: MovableClock
) -> None:
    url = store.start_resumable("a", BOUND).url
    first = http.put(url, content=DATA[:QUANTUM_BYTES], headers={"Content-Range": f"bytes 0-{QUANTUM_BYTES - 1}/*"})
    assert first.status_code == 308
    clock.offset += timedelta(seconds=RESUMABLE_SECONDS - 60)
    store.sweep()
    assert (
        http.put(url, headers={"Content-Range": f"bytes */{TOTAL}"}).headers["range"] == f"bytes=0-{QUANTUM_BYTES - 1}"
    )
    clock.offset += timedelta(seconds=61)
    gone = problem(http.put(url, headers={"Content-Range": f"bytes */{TOTAL}"}))
    assert (gone.status, gone.code) == (410, "not_found")
    store.sweep()
    assert problem(http.put(url, content=DATA)).status == 410
    assert files(store.folder) == []


def test_a_session_is_for_one_object(store: FolderObjectStore, http: httpx.Client) -> None:
    url = store.start_resumable("a", BOUND).url
    assert problem(http.put(url.replace("/_objects/a?", "/_objects/b?"), content=DATA)).status == 410
    assert http.put(url, content=DATA).status_code == 200


def test_a_cancelled_session_leaves_no_file_and_a_finished_one_stays(
    store: FolderObjectStore, http: httpx.Client
) -> None:
    url = store.start_resumable("a", BOUND).url
    assert http.delete(url).status_code == 499
    assert files(store.folder) == []
    finished = store.start_resumable("a", BOUND).url
    http.put(finished, content=DATA).raise_for_status()
    assert problem(http.delete(finished)).status == 400
    assert store.stat("a") is not None
    store.delete("a")
    assert problem(http.put(finished, headers={"Content-Range": f"bytes */{TOTAL}"})).status == 410


def test_a_new_request_overtakes_one_that_hangs(store: FolderObjectStore, http: httpx.Client) -> None:
    """A line that died without a word stays open at the server; its client has come back long before."""
    url = store.start_resumable("a", BOUND).url
    target = httpx.URL(url)
    with socket.create_connection((target.host, target.port or 0)) as hanging:
        head = f"PUT {target.raw_path.decode()} HTTP/1.1\r\nHost: x\r\nContent-Length: {TOTAL}\r\n\r\n"
        hanging.sendall(head.encode() + DATA[: QUANTUM_BYTES + 10])
        assert http.put(url, content=DATA).status_code == 200
        hanging.sendall(DATA[QUANTUM_BYTES + 10 :])
        answer = hanging.recv(65536)
    assert answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 503", b"HTTP/1.1 410"))
    with store.open("a") as stream:
        assert stream.read() == DATA


def test_a_session_cancelled_under_an_upload_is_gone_for_it(store: FolderObjectStore, http: httpx.Client) -> None:
    total = 3 * staged_file.BLOCK_BYTES
    url = store.start_resumable("a", UploadBinding("video/mp4", total)).url
    (staged,) = files(store.folder)
    target = httpx.URL(url)
    with socket.create_connection((target.host, target.port or 0)) as uploading:
        head = f"PUT {target.raw_path.decode()} HTTP/1.1\r\nHost: x\r\nContent-Length: {total}\r\n\r\n"
        uploading.sendall(head.encode() + bytes(staged_file.BLOCK_BYTES))
        assert eventually(lambda: staged.stat().st_size > 0)
        assert http.delete(url).status_code == 499
        uploading.sendall(bytes(total - staged_file.BLOCK_BYTES))
        assert uploading.recv(65536).startswith(b"HTTP/1.1 410")
    assert files(store.folder) == []


def test_sessions_under_way_at_once_do_not_mix(store: FolderObjectStore) -> None:
    def upload(n: int) -> None:
        data = bytes([n]) * TOTAL
        url = store.start_resumable(f"o{n}", UploadBinding("video/mp4", TOTAL, crc32c(data))).url
        with httpx.Client(timeout=60) as client:
            for first in range(0, TOTAL, QUANTUM_BYTES):
                part = data[first : first + QUANTUM_BYTES]
                headers = {"Content-Range": f"bytes {first}-{first + len(part) - 1}/{TOTAL}"}
                client.put(url, content=part, headers=headers)

    threads = [threading.Thread(target=upload, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n in range(6):
        with store.open(f"o{n}") as stream:
            assert stream.read() == bytes([n]) * TOTAL


def test_an_upload_larger_than_the_disk_is_refused_at_once(store: FolderObjectStore, http: httpx.Client) -> None:
    huge = 1 << 60
    signed = store.sign_upload("a", UploadBinding("video/mp4", huge), expires_seconds=60)
    target = httpx.URL(signed.url)
    with socket.create_connection((target.host, target.port or 0)) as line:
        lines = [f"{name}: {value}" for name, value in signed.headers.items()]
        head = [f"PUT {target.raw_path.decode()} HTTP/1.1", "Host: x", f"Content-Length: {huge}", *lines]
        line.sendall("\r\n".join(head).encode() + b"\r\n\r\n")
        assert line.recv(65536).startswith(b"HTTP/1.1 507")
    assert files(store.folder) == []


def test_a_put_of_unknown_size_ends_at_the_limit(store: FolderObjectStore, http: httpx.Client) -> None:
    signed = store.sign_upload("a", UploadBinding(max_bytes=TOTAL), expires_seconds=60)
    for body in (DATA + b"x", iter([DATA, b"x"])):
        refused = problem(http.put(signed.url, content=body))
        assert (refused.status, refused.code) == (413, "too_large")
    assert files(store.folder) == []
    assert http.put(signed.url, content=iter([DATA])).status_code == 200


@contextmanager
def service(data_dir: Path, port: int, *limits: int) -> Iterator[subprocess.Popen[str]]:
    """The store in a process of its own; ended, at the latest, with the block."""
    command = [sys.executable, "-m", object_service.__name__, str(data_dir), str(port), *map(str, limits)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        try:
            yield child
        finally:
            child.kill()


@pytest.fixture
def port() -> int:
    with free_socket() as (listener, _):
        number: int = listener.getsockname()[1]
        return number


def test_a_full_disk_is_507_and_leaves_nothing_of_a_single_put(tmp_path: Path, http: httpx.Client, port: int) -> None:
    store = open_store(tmp_path, port)
    signed = store.sign_upload("a", UploadBinding(), expires_seconds=60)
    limit = 2_500_000
    with service(tmp_path, port, limit):
        refused = problem(http.put(signed.url, content=bytes(3_000_000)))
        assert (refused.status, refused.code) == (507, "unavailable")
        assert files(store.folder) == []
        assert http.put(signed.url, content=bytes(2_000_000)).status_code == 200
    with store.open("a") as stream:
        assert stream.read() == bytes(2_000_000)


def test_a_full_disk_stops_a_session_that_goes_on_when_there_is_room(
    tmp_path: Path, http: httpx.Client, port: int
) -> None:
    data = pattern(3_000_000)
    url = open_store(tmp_path, port).start_resumable("a", UploadBinding("video/mp4", len(data), crc32c(data))).url
    with service(tmp_path, port, 2_500_000):
        assert problem(http.put(url, content=data)).status == 507
    with service(tmp_path, port):
        answer = http.put(url, headers={"Content-Range": f"bytes */{len(data)}"})
        kept = int(answer.headers["range"].removeprefix("bytes=0-")) + 1
        assert kept == 2 * staged_file.BLOCK_BYTES
        rest = {"Content-Range": f"bytes {kept}-{len(data) - 1}/{len(data)}"}
        assert http.put(url, content=data[kept:], headers=rest).status_code == 200
    with open_store(tmp_path, port).open("a") as stream:
        assert stream.read() == data


def kept_bytes(status: httpx.Response) -> int:
    assert status.status_code == 308
    return int(status.headers["range"].removeprefix("bytes=0-")) + 1 if "range" in status.headers else 0


def test_a_session_and_a_signed_url_survive_kills_of_the_server(tmp_path: Path, port: int) -> None:
    """Each server acknowledges a chunk, then dies with bytes on its disk that it never acknowledged."""
    chunk = 2 * staged_file.BLOCK_BYTES
    data = pattern(3 * chunk + 17)
    total = len(data)
    store = open_store(tmp_path, port)
    url = store.start_resumable("a", UploadBinding("video/mp4", total, crc32c(data))).url
    download = store.sign_download("a", expires_seconds=600)
    (staged,) = files(store.folder)
    for first in range(0, total, chunk):
        part = data[first : first + chunk]
        last = first + len(part) - 1
        with service(tmp_path, port) as child, httpx.Client(timeout=60) as http:
            assert kept_bytes(http.put(url, headers={"Content-Range": f"bytes */{total}"})) == first
            answer = http.put(url, content=part, headers={"Content-Range": f"bytes {first}-{last}/{total}"})
            assert answer.status_code == (200 if last + 1 == total else 308)
            rest = total - last - 1
            if rest > chunk:
                with socket.create_connection(("127.0.0.1", port)) as line:
                    target = httpx.URL(url).raw_path.decode()
                    head = [f"PUT {target} HTTP/1.1", "Host: x", f"Content-Length: {rest}"]
                    head.append(f"Content-Range: bytes {last + 1}-{total - 1}/{total}")
                    line.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + b"!" * (chunk - 1000))
                    assert eventually(lambda last=last: staged.stat().st_size > last + 1)  # type: ignore[misc]
                    child.send_signal(signal.SIGKILL)
                    child.wait()
    with service(tmp_path, port), httpx.Client(timeout=60) as http:
        assert http.put(url, headers={"Content-Range": f"bytes */{total}"}).status_code == 200
        assert http.get(download).content == data
