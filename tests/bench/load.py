"""A client that asks one server for the same thing as fast as it can: ``python -m tests.bench.load``.

A process of its own on raw sockets, so that it costs a fraction of what any server under test does; the request is read
from standard input as bytes. Prints one JSON line: answers, seconds, and how busy the client itself was.
"""

import argparse
import asyncio
import json
import sys
import time
from typing import cast

import uvloop


class _Connection(asyncio.Protocol):
    """Sends the request, waits for the whole answer, sends it again; every answer must be a 200."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._missing = 0
        self._buffer = b""
        self.answers = 0
        self.error = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are of no asyncio class
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self._missing:
            self._missing -= len(data)
        else:
            self._buffer += data
            head, found, body = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            if not head.startswith(b"HTTP/1.1 200"):
                self.error = self._buffer[:1000].decode(errors="replace")
                self._transport.close()
                return
            self._buffer = b""
            lower = head.lower()
            start = lower.index(b"content-length:") + len(b"content-length:")
            self._missing = int(lower[start:].split(b"\r\n", 1)[0]) - len(body)
        if self._missing == 0:
            self.answers += 1
            self._transport.write(self._request)


async def _load(port: int, request: bytes, *, connections: int, seconds: float) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    opened = [await loop.create_connection(lambda: _Connection(request), "127.0.0.1", port) for _ in range(connections)]
    started, cpu = time.perf_counter(), time.process_time()
    before = sum(connection.answers for _, connection in opened)
    await asyncio.sleep(seconds)
    answers = sum(connection.answers for _, connection in opened) - before
    took, busy = time.perf_counter() - started, time.process_time() - cpu
    for transport, connection in opened:
        transport.close()
        if connection.error or not connection.answers:
            raise SystemExit(f"not a 200: {connection.error or 'no answer at all'}")
    return {"answers": answers, "seconds": took, "busy": busy / took}


def main() -> None:
    """Read the request, load the server, print what was counted."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.load", description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    arguments = parser.parse_args()
    request = sys.stdin.buffer.read()
    work = _load(arguments.port, request, connections=arguments.connections, seconds=arguments.seconds)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.stdout.write(json.dumps(runner.run(work)) + "\n")


if __name__ == "__main__":
    main()
