"""Bytes between this desk and the object store, by signed URL: chunked and resumable up, resumable down.

Called by the daemon and by the commands that push, pull and share. Memory stays at one chunk whatever the size, and
no token of ours goes to a store. Tickets come from ``worker/control_plane.py``.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from schemas.uploads import UploadTicket
from worker.checksums import PIECE_BYTES
from worker.errors import ControlPlaneError, Offline, Refused, Retry, TicketExpired
from worker.retries import retrying

CHUNK_BYTES = 8 * 1024 * 1024
"""One PUT of a resumable upload; a multiple of the 256 KiB that Cloud Storage asks for."""
RESUMABLE_BYTES = CHUNK_BYTES
"""Files above this size are worth a session; below, one PUT is sent again as a whole."""

CONNECT_SECONDS = 5.0
SILENCE_SECONDS = 60.0
"""A store that neither takes nor gives a byte for so long does not answer."""

OnBytes = Callable[[int], None]
"""Told the number of bytes that have arrived so far, from the start of the file."""


class TooManyBytes(Exception):
    """A download is larger than it was announced."""


class Transfers:
    """A connection pool to object stores. Use it as an asynchronous context manager, in one event loop."""

    def __init__(self) -> None:
        self._http = httpx.AsyncClient(
            timeout=httpx.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS), headers={"Accept-Encoding": "identity"}
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def upload(
        self,
        path: Path,
        ticket: UploadTicket,
        *,
        on_bytes: OnBytes | None = None,
        within_seconds: float | None = None,
    ) -> None:
        """PUT the file; a resumable session continues where it stands, also one of an earlier process.

        Each step is tried for ``within_seconds`` (None: for ever). TicketExpired: get another ticket and start again;
        Refused: the store will never take these bytes. The caller's finishing call lets the server look at the object.
        """
        size = path.stat().st_size
        if ticket.resumable:
            await self._upload_chunks(path, ticket, size, on_bytes=on_bytes, within_seconds=within_seconds)
        else:
            await retrying(lambda: self._put_whole(path, ticket, size), within_seconds=within_seconds)
        if on_bytes is not None:
            on_bytes(size)

    async def _put_whole(self, path: Path, ticket: UploadTicket, size: int) -> None:
        headers = {**ticket.headers, "Content-Length": str(size)}
        request = self._http.build_request("PUT", ticket.upload_url, headers=headers, content=_pieces(path, 0, size))
        response = await self._send(request)
        if not _is_stored(response):
            raise _store_error(response)

    async def _upload_chunks(
        self, path: Path, ticket: UploadTicket, size: int, *, on_bytes: OnBytes | None, within_seconds: float | None
    ) -> None:
        stored: int | None = None  # None: unknown, ask the store

        async def step() -> int:
            nonlocal stored
            known, stored = stored, None
            return await (self._put_chunk(path, ticket, known, size) if known is not None else self._ask(ticket, size))

        while stored is None or stored < size:
            stored = await retrying(step, within_seconds=within_seconds)
            if on_bytes is not None:
                on_bytes(stored)

    async def _ask(self, ticket: UploadTicket, size: int) -> int:
        headers = {**ticket.headers, "Content-Length": "0", "Content-Range": f"bytes */{size}"}
        return _stored_bytes(
            await self._send(self._http.build_request("PUT", ticket.upload_url, headers=headers)), size
        )

    async def _put_chunk(self, path: Path, ticket: UploadTicket, start: int, size: int) -> int:
        end = min(start + CHUNK_BYTES, size)
        ranges = {"Content-Length": str(end - start), "Content-Range": f"bytes {start}-{end - 1}/{size}"}
        request = self._http.build_request(
            "PUT", ticket.upload_url, headers={**ticket.headers, **ranges}, content=_pieces(path, start, end)
        )
        stored = _stored_bytes(await self._send(request), size)
        if stored <= start:
            raise Retry("the object store took none of the bytes")
        return stored

    async def download(self, url: str, path: Path, *, limit_bytes: int | None, on_bytes: OnBytes | None = None) -> None:
        """GET into ``path``, after the bytes that are there already. The whole is the caller's to check.

        One try. TicketExpired: get another URL; Retry: the rest can be had later; OSError: the disk;
        TooManyBytes: more than ``limit_bytes`` came.
        """
        start = path.stat().st_size if path.exists() else 0
        headers = {"Range": f"bytes={start}-"} if start else {}
        try:
            async with self._http.stream("GET", url, headers=headers) as response:
                if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                    path.unlink()
                    raise Retry("the object is shorter than what was here of it")
                if not response.is_success:
                    raise _store_error(response)
                continued = response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
                await _save(response, path, start if start and continued else 0, limit_bytes, on_bytes)
        except httpx.TransportError as error:
            raise Offline(f"the object store does not answer ({type(error).__name__}: {error})") from error

    async def _send(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._http.send(request)
        except httpx.TransportError as error:
            raise Offline(f"the object store does not answer ({type(error).__name__}: {error})") from error


async def _save(
    response: httpx.Response, path: Path, start: int, limit_bytes: int | None, on_bytes: OnBytes | None
) -> None:
    received = start
    with path.open("ab" if start else "wb") as file:
        async for piece in response.aiter_raw(PIECE_BYTES):
            received += len(piece)
            if limit_bytes is not None and received > limit_bytes:
                raise TooManyBytes
            await asyncio.to_thread(file.write, piece)
            if on_bytes is not None:
                on_bytes(received)


async def _pieces(path: Path, start: int, end: int) -> AsyncIterator[bytes]:
    """The file's bytes in small pieces: a request that is still referenced must not hold a whole chunk in memory."""
    with path.open("rb") as file:
        file.seek(start)
        while start < end:
            piece = await asyncio.to_thread(file.read, min(PIECE_BYTES, end - start))
            if not piece:
                raise Refused(f"{path} became shorter while it was uploaded")
            start += len(piece)
            yield piece


def _is_stored(response: httpx.Response) -> bool:
    """Also 412: the object is there already, from a try of ours whose answer was lost.

    Another ticket would name the same object. The finishing call tells: the server looks at the object itself.
    """
    return response.is_success or response.status_code == httpx.codes.PRECONDITION_FAILED


def _stored_bytes(response: httpx.Response, size: int) -> int:
    """How much a session holds: all of it, or up to ``Range`` (308; without it nothing)."""
    if _is_stored(response):
        return size
    if response.status_code != httpx.codes.PERMANENT_REDIRECT:
        raise _store_error(response)
    match = re.fullmatch(r"bytes=0-(\d+)", response.headers.get("Range", ""))
    return int(match.group(1)) + 1 if match else 0


def _store_error(response: httpx.Response) -> ControlPlaneError:
    status = response.status_code
    message = f"the object store answered {response.request.method} with {status}"
    if status in {408, 429} or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Retry(message)
    if status in {400, 401, 403, 404, 410}:  # 400: other bytes than announced; and Cloud Storage's "expired" has many
        return TicketExpired(message)
    if status in {407, 451} or response.is_redirect:
        return Offline(f"{message}: is there a captive portal or a proxy on the way?")
    return Refused(message)
