"""Streams an object's bytes, whole or by range; the download paths of both APIs end here."""

import re
from collections.abc import AsyncIterator
from typing import BinaryIO

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from .errors import StorageError
from .objects import StoredObject
from .store import ObjectStore

_BLOCK_BYTES = 256 * 1024
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def download(store: ObjectStore, stored: StoredObject, method: str, range_header: str | None) -> Response:
    """The answer to GET or HEAD: 200, or 206 for one byte range; StorageError 416 beyond the end.

    Several ranges at once, and anything malformed, get the whole object, as RFC 9110 allows.
    """
    headers = {**stored.headers(), "Accept-Ranges": "bytes"}
    requested = _requested(range_header, stored.size_bytes)
    first, last = requested or (0, stored.size_bytes - 1)
    headers["Content-Length"] = str(last - first + 1)
    if requested:
        headers["Content-Range"] = f"bytes {first}-{last}/{stored.size_bytes}"
    status = 206 if requested else 200
    if method == "HEAD":
        return Response(status_code=status, headers=headers)
    return _FileStream(store.open(stored), first, last - first + 1, status=status, headers=headers)


def _requested(range_header: str | None, size_bytes: int) -> tuple[int, int] | None:
    """First and last byte asked for; None asks for everything."""
    match = _RANGE.fullmatch(range_header.replace(" ", "")) if range_header else None
    first_text, last_text = match.groups() if match else ("", "")
    if not first_text and not last_text:
        return None
    if first_text:
        first = int(first_text)
        last = min(int(last_text), size_bytes - 1) if last_text else size_bytes - 1
        if last_text and int(last_text) < first:
            return None
    else:
        first, last = max(size_bytes - int(last_text), 0), size_bytes - 1
    if first >= size_bytes:
        raise StorageError("InvalidRange", f"The object has {size_bytes} bytes.")
    return first, last


class _FileStream(StreamingResponse):
    """Part of a file. Opened by the caller, so that a replacement meanwhile cannot mix two generations."""

    def __init__(self, file: BinaryIO, first: int, length: int, *, status: int, headers: dict[str, str]) -> None:
        self._file = file
        super().__init__(self._blocks(first, length), status, headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # A client that leaves before the first block would otherwise leave the file open.
        with self._file:
            await super().__call__(scope, receive, send)

    async def _blocks(self, first: int, length: int) -> AsyncIterator[bytes]:
        self._file.seek(first)
        while length > 0:
            block = self._file.read(min(_BLOCK_BYTES, length))
            length -= len(block)
            yield block
