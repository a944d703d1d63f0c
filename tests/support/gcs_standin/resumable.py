"""Resumable upload sessions, shared by both APIs: chunks in, 308 and a Range out, an object at the end.

Protocol: https://cloud.google.com/storage/docs/performing-resumable-uploads. A session lives in memory and
dies with the stand-in, its bytes on disk with it.
"""

import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from .errors import StorageError
from .objects import StoredObject
from .service import Service, Upload
from .staging import Promise, StagedBytes

QUANTUM_BYTES = 256 * 1024
_LIFE = timedelta(days=7)
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+|\*)|\*)/(\d+|\*)")


@dataclass
class Session:
    """One upload under way. ``turn`` counts its requests: a newer one takes over from one that hangs."""

    upload: Upload
    staged: StagedBytes
    created_at: datetime
    origin: str | None
    turn: int = 0
    finished: StoredObject | None = None
    cancelled: bool = False


@dataclass(frozen=True)
class Chunk:
    """A parsed Content-Range. ``first`` is None for a status query, ``last`` and ``total`` where unknown."""

    first: int | None
    last: int | None
    total: int | None

    @classmethod
    def parse(cls, header: str | None) -> "Chunk":
        if header is None:  # the whole object in one request
            return cls(0, None, None)
        match = _CONTENT_RANGE.fullmatch(header.strip())
        if not match:
            raise StorageError("InvalidArgument", f"Failed to parse Content-Range header: {header}")
        numbers = [int(text) if text and text != "*" else None for text in match.groups()]
        return cls(*numbers)


class Sessions:
    """All upload sessions of one stand-in, by upload id."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._sessions: dict[str, Session] = {}

    def start(self, upload: Upload, origin: str | None) -> str:
        """Open a session and return its upload id; preconditions are checked now and again at the end."""
        upload.preconditions.check(self._service.store.find(upload.bucket, upload.name))
        if upload.promise.size_bytes is not None:
            upload.promise.check_announced(upload.promise.size_bytes)
        upload_id = secrets.token_urlsafe(48)
        staged = self._service.store.stage()
        self._sessions[upload_id] = Session(upload, staged, self._service.clock(), origin)
        return upload_id

    def get(self, upload_id: str) -> Session:
        session = self._sessions.get(upload_id)
        if session is None or self._service.clock() > session.created_at + _LIFE:
            raise StorageError("Gone")
        if session.cancelled:
            raise StorageError("ClientClosedRequest")
        return session

    def cancel(self, upload_id: str) -> None:
        session = self.get(upload_id)
        if session.finished:
            raise StorageError("InvalidArgument", "The upload is already complete.")
        session.cancelled = True
        session.staged.discard()

    async def put(
        self, upload_id: str, content_range: str | None, hash_headers: list[str], body: AsyncIterator[bytes]
    ) -> StoredObject | int:
        """Take a chunk or answer a status query: the finished object, or how many bytes are persisted."""
        session = self.get(upload_id)
        if session.finished:
            return session.finished
        chunk = Chunk.parse(content_range)
        promise = session.upload.promise.with_hashes(hash_headers)
        try:
            if chunk.total is not None:
                promise.check_announced(chunk.total)
            if chunk.first is None:
                complete = self._is_whole(session, chunk)
            else:
                complete = await self._take(session, chunk, promise, body)
            if not complete:
                return session.staged.size_bytes
            # The last request may bring the checksum, once the sender has seen all bytes.
            session.finished = self._service.finish(replace(session.upload, promise=promise), session.staged)
        except StorageError as error:
            if error.code in {"BadDigest", "EntityTooLarge", "EntityTooSmall", "PreconditionFailed"}:
                session.staged.discard()
                self._sessions.pop(upload_id, None)
            raise
        return session.finished

    def close(self) -> None:
        for session in self._sessions.values():
            if not session.finished:
                session.staged.discard()

    @staticmethod
    def _is_whole(session: Session, chunk: Chunk) -> bool:
        """Whether a status query finds all bytes there: so end an empty object and a lost answer."""
        persisted = session.staged.size_bytes
        if chunk.total is not None and chunk.total < persisted:
            raise StorageError("InvalidArgument", f"{persisted} bytes are persisted, more than {chunk.total}.")
        return chunk.total == persisted

    async def _take(self, session: Session, chunk: Chunk, promise: Promise, body: AsyncIterator[bytes]) -> bool:
        """Persist a chunk in whole quanta, or to the end if it is the last; True when the object is whole."""
        first = chunk.first or 0
        staged = session.staged
        session.turn += 1
        turn = session.turn
        if first > staged.size_bytes:
            # 503 rather than 400: Cloud Storage assumes that its own replica lags behind.
            details = f"The upload offset {first} exceeds the already uploaded {staged.size_bytes} bytes."
            raise StorageError("ServiceUnavailable", details)
        already_there = staged.size_bytes - first
        received = 0
        pending = bytearray()
        async for block in body:
            if session.turn != turn or session.cancelled:
                raise StorageError("ServiceUnavailable", "Another request continued this upload.")
            skipped = min(max(already_there - received, 0), len(block))
            received += len(block)
            _check_length(chunk, first + received, whole=False)
            promise.check_growing(first + received)
            pending += block[skipped:]
            if len(pending) >= QUANTUM_BYTES:
                cut = len(pending) - len(pending) % QUANTUM_BYTES
                staged.write(pending[:cut])
                del pending[:cut]
        if session.turn != turn or session.cancelled:
            raise StorageError("ServiceUnavailable", "Another request continued this upload.")
        _check_length(chunk, first + received, whole=True)
        single_request = chunk.last is None and chunk.total is None
        if single_request or first + received == chunk.total:
            staged.write(pending)
            return True
        if received < QUANTUM_BYTES:
            details = (
                f"Invalid request. The number of bytes uploaded is required to be equal or greater than "
                f"{QUANTUM_BYTES}, except for the final request. This one contained {received} bytes."
            )
            raise StorageError("InvalidArgument", details)
        return False


def _check_length(chunk: Chunk, reached: int, *, whole: bool) -> None:
    """Refuse a body longer than its Content-Range says, and at its end a shorter one."""
    if chunk.last is None:
        return
    if reached > chunk.last + 1 or (whole and reached <= chunk.last):
        details = f"The request body ends at byte {reached}, its Content-Range at byte {chunk.last + 1}."
        raise StorageError("InvalidArgument", details)
