"""A network that tests damage: TCP tunnels they cut and mend, and HTTP tunnels that cut, refuse or hold one request.

System and fault tests put them between a daemon or ``curl``, and a control plane or an emulator that are real.
"""

import asyncio
import re
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from tests.support.processes import free_port

PIECE_BYTES = 16 * 1024
HEAD_BYTES = 64 * 1024
INSPECTED_BYTES = 64 * 1024
"""Bodies up to this size are read as a whole, so that a fault can ask for what stands in them."""


class Line:
    """A port of loopback whose connections go on to ``upstream`` (a URL or ``host:port``), until a test cuts them."""

    def __init__(self, upstream: str) -> None:
        target = urlsplit(upstream if "//" in upstream else f"//{upstream}")
        self._upstream = (target.hostname or "127.0.0.1", target.port or 80)
        self._port = free_port()
        self._down = False
        self._connections: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="line", daemon=True)

    @property
    def host(self) -> str:
        """``host:port`` of this end."""
        return f"127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """This end as the origin of a server."""
        return f"http://{self.host}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._connect, "127.0.0.1", self._port))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """End every connection, and every later one as soon as it is made."""
        self._run(self._cut())

    def mend(self) -> None:
        """Let connections through again."""
        self._down = False

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    async def _cut(self) -> None:
        self._down = True
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            if not self._down:
                await self.serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass  # an end of the line is gone, which is what this is for
        finally:
            writer.transport.abort()
            self._connections.discard(task)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection in both directions until one end closes it."""
        there_reader, there_writer = await asyncio.open_connection(*self._upstream)
        try:
            await first_of(carry(reader, there_writer), carry(there_reader, writer))
        finally:
            there_writer.transport.abort()


@dataclass
class Fault:
    """What happens to the next ``times`` requests whose method, path and small body match.

    Without any of the kinds below the request goes through untouched, and ``then`` is called before its answer leaves.
    """

    method: str = ".*"
    path: str = ".*"
    body: str = ""
    """A regular expression that is searched for in bodies of at most INSPECTED_BYTES."""
    times: int = 1
    cut_after_bytes: int | None = None
    """So many bytes of the request's body get through, then both ends see a dead line."""
    status: int | None = None
    """The request does not get through; this is answered."""
    hold: bool = False
    """The request does not get through and is never answered."""
    lose_answer: bool = False
    """The request gets through; its answer does not."""
    then: Callable[[], object] | None = None
    """Called, in a thread, once the answer has arrived here and before it goes on (or is lost)."""
    met: int = 0
    """How often it happened."""

    def matches(self, method: str, path: str, body: bytes) -> bool:
        """Whether this request is one of those."""
        wanted = re.fullmatch(self.method, method) and re.fullmatch(self.path, path)
        return self.met < self.times and bool(wanted) and bool(re.search(self.body.encode(), body))


@dataclass(frozen=True)
class _Head:
    method: str
    path: str
    length: int
    raw: bytes


@dataclass(frozen=True)
class Passed:
    """A request that came to an HTTP line, and how long its body was said to be."""

    method: str
    path: str
    body_bytes: int


class HttpLine(Line):
    """A line that knows where requests begin and end; each has a connection of its own. ``faults`` come in order."""

    def __init__(self, upstream: str, *faults: Fault) -> None:
        super().__init__(upstream)
        self.faults = list(faults)
        self.passed: list[Passed] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = _parsed(await reader.readuntil(b"\r\n\r\n"))
        body = await reader.readexactly(head.length) if head.length <= INSPECTED_BYTES else b""
        self.passed.append(Passed(head.method, head.path, head.length))
        fault = next((fault for fault in self.faults if fault.matches(head.method, head.path, body)), Fault())
        fault.met += 1
        if fault.hold:
            await reader.read()
            return
        if fault.status:
            # Read to the end first: an answer to a request that is still being sent can be lost by a reset.
            await _discard(reader, head.length - len(body))
            writer.write(f"HTTP/1.1 {fault.status} Fault\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()
            writer.close()
            await writer.wait_closed()
            return
        there_reader, there_writer = await asyncio.open_connection(*self._upstream)
        try:
            there_writer.write(head.raw + body)
            rest = head.length - len(body)
            if fault.cut_after_bytes is not None:
                await carry(reader, there_writer, limit_bytes=min(rest, fault.cut_after_bytes))
                await there_writer.drain()
                there_writer.close()  # what was sent arrives, unlike with an abort
                await there_writer.wait_closed()
                return
            await first_of(
                self._send_and_stay(reader, there_writer, rest), self._bring_answer(there_reader, writer, fault)
            )
        finally:
            there_writer.transport.abort()

    async def _send_and_stay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, rest: int) -> None:
        await carry(reader, writer, limit_bytes=rest)
        await reader.read()  # until the caller has gone

    async def _bring_answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, fault: Fault) -> None:
        if fault.lose_answer or fault.then:
            answer = await reader.read()
            if fault.then:
                await asyncio.to_thread(fault.then)
            if not fault.lose_answer:
                writer.write(answer)
        else:
            await carry(reader, writer)
        await writer.drain()
        if not fault.lose_answer:
            writer.close()
            await writer.wait_closed()


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, limit_bytes: int | None = None) -> None:
    """Move bytes until the end or the limit."""
    left = limit_bytes
    while left is None or left > 0:
        piece = await reader.read(PIECE_BYTES if left is None else min(PIECE_BYTES, left))
        if not piece:
            return
        writer.write(piece)
        await writer.drain()
        left = None if left is None else left - len(piece)


async def first_of(*works: Coroutine[Any, Any, None]) -> None:
    """Run them until the first has ended."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _discard(reader: asyncio.StreamReader, count: int) -> None:
    while count > 0 and (piece := await reader.read(min(PIECE_BYTES, count))):
        count -= len(piece)


def _parsed(raw: bytes) -> _Head:
    """The head of a request, rewritten to end the connection after its answer."""
    first, *lines = raw.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    kept = [line for line in lines if line and not line.lower().startswith(("connection:", "expect:"))]
    lengths = [int(line.partition(":")[2]) for line in kept if line.lower().startswith("content-length:")]
    assert not any(line.lower().startswith("transfer-encoding:") for line in kept), "no caller of ours sends chunks"
    head = "\r\n".join([first, *kept, "Connection: close", "", ""])
    return _Head(method, target.partition("?")[0], lengths[0] if lengths else 0, head.encode("latin-1"))
