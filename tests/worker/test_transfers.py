import asyncio
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response

from schemas.uploads import UploadTicket
from tests.support.processes import ROOT
from tests.support.scripted import ScriptedServer
from worker import retries
from worker.errors import Offline, Refused, Retry, TicketExpired
from worker.transfers import CHUNK_BYTES, TooManyBytes, Transfers

PORTAL = b"<html>Welcome to the hotel</html>"
CONTENT = bytes(range(256)) * (10 * 1024 * 1024 // 256)
"""A little over one chunk."""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_SECONDS", 0.001)
    monkeypatch.setattr(retries, "LONGEST_SECONDS", 0.01)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(CONTENT)
    return path


def transfer(work: Callable[[Transfers], Awaitable[None]]) -> None:
    async def main() -> None:
        async with Transfers() as transfers:
            await work(transfers)

    asyncio.run(main())


def ticket(server: ScriptedServer, *, resumable: bool = True) -> UploadTicket:
    headers = {"Content-Type": "video/mp4", "x-goog-content-length-range": "1,2"}
    return UploadTicket(
        upload_url=f"{server.url}/object", gcs_path="gs://b/o", expires_in=9, headers=headers, resumable=resumable
    )


class Session:
    """The Cloud Storage resumable protocol; ``fault(count)`` is what a data PUT is answered with instead."""

    def __init__(self, fault: Callable[[int], Response | None] = lambda _: None) -> None:
        self.stored = b""
        self._fault = fault
        self._puts = 0

    async def __call__(self, request: Request) -> Response:
        body = await request.body()
        start, total = re.fullmatch(r"bytes (\*|\d+)(?:-\d+)?/(\d+)", request.headers["Content-Range"]).groups()  # type: ignore[union-attr]
        if start != "*":
            self._puts += 1
            if (failure := self._fault(self._puts)) is not None:
                self.stored += body[: len(body) // 2 // 262144 * 262144]  # a cut connection stores a part
                return failure
            assert int(start) == len(self.stored)
            self.stored += body
        if len(self.stored) == int(total):
            return Response(status_code=200)
        headers = {"Range": f"bytes=0-{len(self.stored) - 1}"} if self.stored else {}
        return Response(status_code=308, headers=headers)


def test_a_file_goes_up_in_chunks_with_every_header_of_its_ticket(source: Path) -> None:
    told: list[int] = []
    session = Session()
    with ScriptedServer(session) as server:
        transfer(lambda t: t.upload(source, ticket(server), on_bytes=told.append))
        assert session.stored == CONTENT
        assert all(seen.headers["x-goog-content-length-range"] == "1,2" for seen in server.seen)
    assert max(len(seen.body) for seen in server.seen) <= CHUNK_BYTES
    assert (told, told[-1]) == (sorted(told), len(CONTENT))


def test_a_session_that_was_cut_goes_on_where_the_store_is(source: Path) -> None:
    session = Session(lambda count: Response(status_code=503) if count == 1 else None)
    with ScriptedServer(session) as server:
        transfer(lambda t: t.upload(source, ticket(server)))
    assert session.stored == CONTENT
    assert sum(len(seen.body) for seen in server.seen) < 2 * len(CONTENT)


def test_a_session_of_an_earlier_process_goes_on_where_the_store_is(source: Path) -> None:
    session = Session()
    session.stored = CONTENT[: 2 * CHUNK_BYTES // 2]
    with ScriptedServer(session) as server:
        transfer(lambda t: t.upload(source, ticket(server)))
    assert session.stored == CONTENT
    assert sum(len(seen.body) for seen in server.seen) == len(CONTENT) - CHUNK_BYTES


def test_an_upload_that_was_already_complete_sends_nothing(source: Path) -> None:
    session = Session()
    session.stored = CONTENT
    with ScriptedServer(session) as server:
        transfer(lambda t: t.upload(source, ticket(server)))
    assert [seen.body for seen in server.seen] == [b""]


@pytest.mark.parametrize("resumable", [True, False])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_dead_session_or_url_asks_for_a_new_ticket(source: Path, status: int, *, resumable: bool) -> None:
    async def handler(_: Request) -> Response:
        return Response(status_code=status)

    with ScriptedServer(handler) as server, pytest.raises(TicketExpired, match=str(status)):
        transfer(lambda t: t.upload(source, ticket(server, resumable=resumable)))
    assert len(server.seen) == 1


@pytest.mark.parametrize("status", [302, 407, 451])
def test_a_portal_on_the_way_to_the_store_is_waited_out(source: Path, status: int) -> None:
    answers = iter([status, status, 200])

    async def handler(_: Request) -> Response:
        return Response(PORTAL, next(answers), {"Location": "http://127.0.0.1:1/"})

    with ScriptedServer(handler) as server:
        transfer(lambda t: t.upload(source, ticket(server, resumable=False)))
    assert len(server.seen) == 3


def test_a_store_with_a_full_disk_keeps_the_session(source: Path) -> None:
    session = Session(lambda count: Response(status_code=507) if count <= 2 else None)
    with ScriptedServer(session) as server:
        transfer(lambda t: t.upload(source, ticket(server)))
    assert session.stored == CONTENT
    assert len({seen.path for seen in server.seen}) == 1


def test_what_the_store_will_never_take_is_not_sent_twice(source: Path) -> None:
    async def handler(_: Request) -> Response:
        return Response(status_code=413)

    with ScriptedServer(handler) as server, pytest.raises(Refused):
        transfer(lambda t: t.upload(source, ticket(server, resumable=False)))
    assert len(server.seen) == 1


def test_a_store_that_takes_nothing_is_not_asked_for_ever_by_a_person(source: Path) -> None:
    async def handler(_: Request) -> Response:
        return Response(status_code=308)

    with ScriptedServer(handler) as server, pytest.raises(Retry, match="none of the bytes"):
        transfer(lambda t: t.upload(source, ticket(server), within_seconds=0))


def test_one_put_carries_a_small_file_and_is_sent_again_after_a_failure(source: Path) -> None:
    answers = iter([500, 429, 200])

    async def handler(_: Request) -> Response:
        return Response(status_code=next(answers))

    with ScriptedServer(handler) as server:
        transfer(lambda t: t.upload(source, ticket(server, resumable=False)))
        assert [seen.body == CONTENT for seen in server.seen] == [True] * 3
        assert server.seen[0].headers["content-length"] == str(len(CONTENT))
        assert "authorization" not in server.seen[0].headers


@pytest.mark.parametrize("resumable", [True, False])
def test_an_object_that_is_there_already_is_left_to_the_server_to_judge(source: Path, *, resumable: bool) -> None:
    async def handler(_: Request) -> Response:
        return Response(status_code=412)

    with ScriptedServer(handler) as server:
        transfer(lambda t: t.upload(source, ticket(server, resumable=resumable)))
    assert len(server.seen) == 1


def serving(*, ranges: bool = True) -> ScriptedServer:
    async def handler(request: Request) -> Response:
        start = int(request.headers.get("Range", "bytes=0-")[6:-1])
        if not ranges or start == 0:
            return Response(CONTENT)
        if start >= len(CONTENT):
            return Response(status_code=416)
        headers = {"Content-Range": f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"}
        return Response(CONTENT[start:], 206, headers)

    return ScriptedServer(handler)


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("present", [0, 12345])
def test_a_download_goes_on_after_what_is_there(tmp_path: Path, present: int, *, ranges: bool) -> None:
    path = tmp_path / "partial"
    path.write_bytes(CONTENT[:present])
    with serving(ranges=ranges) as server:
        transfer(lambda t: t.download(f"{server.url}/o", path, limit_bytes=len(CONTENT)))
    assert path.read_bytes() == CONTENT


def test_more_than_was_announced_is_not_written_to_the_disk(tmp_path: Path) -> None:
    with serving() as server, pytest.raises(TooManyBytes):
        transfer(lambda t: t.download(f"{server.url}/o", tmp_path / "x", limit_bytes=3_000_000))
    assert (tmp_path / "x").stat().st_size <= 3_000_000


def test_a_partial_file_longer_than_the_object_starts_again(tmp_path: Path) -> None:
    path = tmp_path / "partial"
    path.write_bytes(CONTENT + b"more")
    with serving() as server:
        with pytest.raises(Retry):
            transfer(lambda t: t.download(f"{server.url}/o", path, limit_bytes=None))
        transfer(lambda t: t.download(f"{server.url}/o", path, limit_bytes=None))
    assert path.read_bytes() == CONTENT


def test_a_download_that_is_cut_is_worth_another_try(tmp_path: Path) -> None:
    async def handler(_: Request) -> Response:
        return Response(b"short", headers={"Content-Length": "100"})

    with ScriptedServer(handler) as server, pytest.raises(Offline):
        transfer(lambda t: t.download(f"{server.url}/o", tmp_path / "x", limit_bytes=None))


@pytest.mark.parametrize(("status", "kind"), [(403, TicketExpired), (404, TicketExpired), (503, Retry), (418, Refused)])
def test_refusals_of_a_download_are_told_apart(tmp_path: Path, status: int, kind: type[Exception]) -> None:
    async def handler(_: Request) -> Response:
        return Response(status_code=status)

    with ScriptedServer(handler) as server, pytest.raises(kind):
        transfer(lambda t: t.download(f"{server.url}/o", tmp_path / "x", limit_bytes=None))


UPLOAD = """
import asyncio, sys
from pathlib import Path
import psutil
from schemas.uploads import UploadTicket
from worker.transfers import Transfers

peak = 0

def look(_):
    global peak
    peak = max(peak, psutil.Process().memory_info().rss)

async def main():
    async with Transfers() as transfers:
        ticket = UploadTicket.model_validate_json(sys.argv[2])
        await transfers.upload(Path(sys.argv[1]), ticket, on_bytes=look)

asyncio.run(main())
print(peak)
"""


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Half a GiB to a store that counts but does not keep, from a process of its own."""
    size, received = 512 * 1024 * 1024, 0
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(size)

    async def handler(request: Request) -> Response:
        nonlocal received
        server.seen.clear()
        received += len(await request.body())
        if received == size:
            return Response(status_code=200)
        return Response(status_code=308, headers={"Range": f"bytes=0-{received - 1}"} if received else {})

    with ScriptedServer(handler) as server:
        command = [sys.executable, "-c", UPLOAD, str(path), ticket(server).model_dump_json()]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=100)
    assert received == size
    assert int(done.stdout) < 150_000_000
