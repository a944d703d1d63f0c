"""Reads a multipart/related upload as a stream: the JSON part whole, the media part block by block.

The JSON API calls it for ``uploadType=multipart`` (RFC 2387); the media is never held in memory.
"""

import json
import re
from collections.abc import AsyncIterator
from email.parser import HeaderParser
from typing import Any

from .errors import StorageError

_LARGEST_HEAD_BYTES = 1024 * 1024
_BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^;\s]+))')


class RelatedParts:
    """Two parts of one body, to be read in order: `resource`, `media_type`, then `media`."""

    def __init__(self, content_type: str, body: AsyncIterator[bytes]) -> None:
        match = _BOUNDARY.search(content_type)
        if not content_type.startswith("multipart/related") or not match:
            raise StorageError("InvalidArgument", "Multipart uploads need Content-Type multipart/related.")
        self._delimiter = b"\r\n--" + (match[1] or match[2]).encode()
        self._body = body
        # The first delimiter has no line break before it; giving it one makes all delimiters alike.
        self._buffer = bytearray(b"\r\n")

    async def open(self) -> tuple[dict[str, Any], str | None]:
        """The object resource of the first part, and the media's content type."""
        await self._until(self._delimiter)
        await self._part_type()
        try:
            resource = json.loads(await self._until(self._delimiter))
        except ValueError:
            raise StorageError("InvalidArgument", "The first part is not JSON.") from None
        if not isinstance(resource, dict):
            raise StorageError("InvalidArgument", "The first part is not an object resource.")
        return resource, await self._part_type()

    async def media(self) -> AsyncIterator[bytes]:
        """The media, up to the closing delimiter; StorageError if there is none."""
        while (end := self._buffer.find(self._delimiter)) < 0:
            # The tail may be the start of a delimiter.
            safe = len(self._buffer) - len(self._delimiter) + 1
            if safe > 0:
                yield bytes(self._buffer[:safe])
                del self._buffer[:safe]
            await self._more()
        yield bytes(self._buffer[:end])
        async for _ in self._body:
            pass  # the epilogue means nothing

    async def _part_type(self) -> str | None:
        """Read past a part's headers; its content type."""
        text = await self._until(b"\r\n\r\n")
        return HeaderParser().parsestr(text.decode("utf-8", "replace").lstrip("\r\n"))["content-type"]

    async def _until(self, mark: bytes) -> bytes:
        while (end := self._buffer.find(mark)) < 0:
            if len(self._buffer) > _LARGEST_HEAD_BYTES:
                raise StorageError("InvalidArgument", "The metadata part is too large.")
            await self._more()
        found = bytes(self._buffer[:end])
        del self._buffer[: end + len(mark)]
        return found

    async def _more(self) -> None:
        try:
            self._buffer += await anext(self._body)
        except StopAsyncIteration:
            raise StorageError("InvalidArgument", "The multipart body ends early.") from None
