"""GET and HEAD of signed URLs, whole or by range; ``object_server`` routes to it."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import BinaryIO
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from functions.backends.local.byte_ranges import requested_range
from functions.backends.local.disk_threads import on_disk
from functions.backends.local.objects import FolderObjectStore
from functions.backends.local.staged_file import BLOCK_BYTES
from functions.ports import ObjectInfo


class Downloads:
    """GET and HEAD."""

    def __init__(self, store: FolderObjectStore) -> None:
        self._store = store

    async def get(self, request: Request) -> Response:
        """The object, or the part that ``Range`` asks for."""
        name = request.path_params["name"]
        bound = self._store.signer.verify("GET", name, request.query_params.multi_items())
        info, file = await on_disk(self._store.open_file, name)
        try:
            return self._response(request, info, file, bound.get("file_name"))
        except BaseException:
            file.close()
            raise

    @staticmethod
    def _response(request: Request, info: ObjectInfo, file: BinaryIO, file_name: str | None) -> Response:
        headers = {"ETag": etag(info)} | {
            "Content-Type": info.content_type,
            "Accept-Ranges": "bytes",
            # The bytes are somebody's upload and come from the control plane's own origin.
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox",
        }
        if file_name:
            headers["Content-Disposition"] = _disposition(file_name)
        unchanged = request.headers.get("if-range", etag(info)) == etag(info)
        part = requested_range(request.headers.get("range"), info.size_bytes) if unchanged else None
        first, last = part or (0, info.size_bytes - 1)
        if part:
            headers["Content-Range"] = f"bytes {first}-{last}/{info.size_bytes}"
        headers["Content-Length"] = str(last - first + 1)
        status = HTTPStatus.PARTIAL_CONTENT if part else HTTPStatus.OK
        if request.method == "HEAD":
            file.close()
            return Response(status_code=status, headers=headers)
        return _FileResponse(file, first, last - first + 1, status=status, headers=headers)


class _FileResponse(StreamingResponse):
    """A part of an open file, which it closes; also when the client leaves before the first byte."""

    def __init__(
        self, file: BinaryIO, first: int, size_bytes: int, *, status: HTTPStatus, headers: dict[str, str]
    ) -> None:
        self._file = file
        super().__init__(self._blocks(first, size_bytes), status, headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._file:
            await super().__call__(scope, receive, send)

    async def _blocks(self, first: int, size_bytes: int) -> AsyncIterator[bytes]:
        self._file.seek(first)
        while size_bytes > 0:
            wanted = min(BLOCK_BYTES, size_bytes)
            block = await on_disk(self._file.read, wanted)
            if not block:
                raise OSError("an object's file is shorter than its record")
            size_bytes -= len(block)
            yield block


def etag(info: ObjectInfo) -> str:
    """The checksum, which changes with the content and only with it."""
    return f'"{info.crc32c}"'


def _disposition(file_name: str) -> str:
    """RFC 6266: the name as it is for those who read ``filename*``, and something harmless for the others."""
    plain = "".join(c if 32 <= ord(c) < 127 and c not in '"\\%' else "_" for c in file_name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file_name, safe='')}"
