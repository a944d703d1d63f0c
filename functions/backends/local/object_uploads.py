"""PUT to signed URLs and to upload sessions; ``object_server`` routes to it.

The resumable protocol is https://cloud.google.com/storage/docs/performing-resumable-uploads.
"""

from collections.abc import AsyncIterator
from dataclasses import replace

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from functions.backends.local.byte_ranges import ContentRange
from functions.backends.local.disk_threads import on_disk
from functions.backends.local.object_downloads import etag
from functions.backends.local.objects import FolderObjectStore
from functions.backends.local.refusal import (
    bad_request,
    bad_upload,
    exists_already,
    forbidden,
    out_of_step,
    too_large,
)
from functions.backends.local.signed_urls import binding_from_query, upload_headers
from functions.backends.local.staged_file import BLOCK_BYTES, StagedFile, require_room
from functions.backends.local.upload_sessions import UploadSession
from functions.ports import ObjectInfo, UploadBinding

QUANTUM_BYTES = 256 * 1024
"""Chunks of a session are whole multiples of this, except for the last one."""
CANCELLED = 499
_RESUME_INCOMPLETE = 308


class _Body:
    """A request's body in blocks of ``BLOCK_BYTES``; the last may be smaller. ``received`` counts as they come."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self.received = 0

    async def blocks(self, *, skip: int = 0) -> AsyncIterator[bytes]:
        """The body after ``skip`` bytes. When the client leaves: what had arrived, then ClientDisconnect."""
        pending = bytearray()
        gone = None
        try:
            async for chunk in self._request.stream():
                pending += chunk[min(max(skip - self.received, 0), len(chunk)) :]
                self.received += len(chunk)
                while len(pending) >= BLOCK_BYTES:
                    yield bytes(pending[:BLOCK_BYTES])
                    del pending[:BLOCK_BYTES]
        except ClientDisconnect as error:
            gone = error
        if pending:
            yield bytes(pending)
        if gone:
            raise gone


class Uploads:
    """PUT to a signed URL or to a session, and DELETE of a session."""

    def __init__(self, store: FolderObjectStore) -> None:
        self._store = store
        self._sessions = store.sessions

    async def put(self, request: Request) -> Response:
        """A whole object, or a chunk or status query of a session."""
        upload_id = request.query_params.get("upload_id")
        if upload_id is not None:
            return await self._continue(request, upload_id)
        return await self._whole(request)

    async def delete(self, request: Request) -> Response:
        """Cancel a session; 499 is how Cloud Storage confirms it."""
        session = await self._session(request, request.query_params.get("upload_id", ""))
        if await on_disk(self._store.published, session.staged):
            raise bad_request("The upload is complete already.")
        await on_disk(self._sessions.cancel, session)
        return Response(status_code=CANCELLED)

    async def _whole(self, request: Request) -> Response:
        name = request.path_params["name"]
        binding = binding_from_query(self._store.signer.verify("PUT", name, request.query_params.multi_items()))
        for header, value in upload_headers(binding).items():
            if request.headers.get(header) != value:
                raise forbidden(f"This URL takes an upload with the header `{header}: {value}` only.")
        await on_disk(self._check_before, request, name, binding)
        staged = await on_disk(StagedFile.create, self._store.folder)
        try:
            async for block in _Body(request).blocks():
                _check_size(staged.size_bytes + len(block), binding.size_bytes, most=binding.max_bytes)
                await on_disk(staged.write, block)
            typed = replace(binding, content_type=binding.content_type or request.headers.get("content-type"))
            info = await on_disk(self._store.publish, name, staged, typed)
        except BaseException:
            self._store.discard(staged)
            raise
        return Response(headers={"ETag": etag(info)})

    def _check_before(self, request: Request, name: str, binding: UploadBinding) -> None:
        """Refuse what is known to be refused before any byte of it is sent."""
        length = _content_length(request)
        if length is not None and binding.size_bytes not in (None, length):
            raise bad_upload(f"Announced were {binding.size_bytes} bytes, this request has {length}.")
        _check_size(length or 0, None, most=binding.max_bytes)
        if binding.size_bytes is not None and self._store.stat(name):
            raise exists_already(name)
        require_room(self._store.folder, length or 0)

    async def _continue(self, request: Request, upload_id: str) -> Response:
        session = await self._session(request, upload_id)
        chunk = ContentRange.parse(request.headers.get("content-range"))
        if chunk.total not in (None, session.total_bytes):
            raise bad_upload(f"Announced were {session.total_bytes} bytes, this chunk is of {chunk.total}.")
        info = await on_disk(self._store.published, session.staged)
        if info is None:
            if chunk.first is not None:
                await self._receive(request, session, chunk)
            if not session.is_whole:
                return _incomplete(session.kept_bytes)
            info = await on_disk(self._finish, session)
        resource = {
            "bucket": self._store.bucket,
            "name": info.name,
            "size": str(info.size_bytes),
            "crc32c": info.crc32c,
            "contentType": info.content_type,
            "timeCreated": info.created_at.isoformat(),
        }
        return JSONResponse(resource, headers={"ETag": etag(info)})

    async def _receive(self, request: Request, session: UploadSession, chunk: ContentRange) -> None:
        """Append a chunk. Bytes the session has already are skipped, and what is short of a quantum is not kept."""
        first = chunk.first or 0
        expected = chunk.last - first + 1 if chunk.last is not None else None
        length = _content_length(request)
        if expected is not None and length is not None and length != expected:
            raise bad_upload(f"Content-Range announces {expected} bytes, Content-Length {length}.")
        position = session.staged.size_bytes
        if first > position:
            raise out_of_step(first, position)
        await on_disk(require_room, self._store.folder, length or 0)
        body = _Body(request)
        try:
            async for block in body.blocks(skip=position - first):
                end = position + len(block)
                _check_size(end, session.total_bytes)
                kept = block if end == session.total_bytes else block[: len(block) - len(block) % QUANTUM_BYTES]
                await on_disk(self._sessions.write, session, position, kept)
                position += len(kept)
        finally:
            await on_disk(self._sessions.keep, session)
        if not session.is_whole and body.received < QUANTUM_BYTES:
            raise bad_upload(f"Every chunk but the last has at least {QUANTUM_BYTES} bytes; this had {body.received}.")

    async def _session(self, request: Request, upload_id: str) -> UploadSession:
        return await on_disk(self._sessions.find, request.path_params["name"], upload_id)

    def _finish(self, session: UploadSession) -> ObjectInfo:
        def publish() -> ObjectInfo:
            # Two requests may find the session whole; the second one gets the first one's object.
            done = self._store.published(session.staged)
            return done or self._store.publish(session.name, session.staged, session.binding)

        return self._sessions.finish(session, publish)


def _incomplete(kept_bytes: int) -> Response:
    return Response(
        status_code=_RESUME_INCOMPLETE, headers={"Range": f"bytes=0-{kept_bytes - 1}"} if kept_bytes else {}
    )


def _check_size(received: int, announced: int | None, *, most: int | None = None) -> None:
    if announced is not None and received > announced:
        raise bad_upload(f"More than the announced {announced} bytes were sent.")
    if most is not None and received > most:
        raise too_large(most)


def _content_length(request: Request) -> int | None:
    text = request.headers.get("content-length")
    return int(text) if text is not None else None
