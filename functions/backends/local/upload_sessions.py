"""Resumable uploads under way: what arrived of each, kept so that a restart loses nothing that was acknowledged.

``objects`` starts them, ``object_server`` feeds them.
"""

import hashlib
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from functions.backends.local.database import Database
from functions.backends.local.refusal import Refusal, no_session, out_of_step
from functions.backends.local.staged_file import StagedFile
from functions.ports import RESUMABLE_SECONDS, Clock, ObjectInfo, UploadBinding

_CHECKPOINT_BYTES = 32 * 1024 * 1024
"""At most this much has to be sent again after the control plane was killed."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS upload_sessions (
    id_hash TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    content_type TEXT NOT NULL,
    announced_bytes INTEGER NOT NULL,
    announced_crc32c TEXT,
    file TEXT NOT NULL UNIQUE,
    kept_bytes INTEGER NOT NULL DEFAULT 0,
    kept_crc INTEGER NOT NULL DEFAULT 0,
    expires_at REAL NOT NULL
)
"""


@dataclass
class UploadSession:
    """One upload. ``lock`` is held while bytes are written, so that no two requests write at once."""

    id_hash: str
    name: str
    binding: UploadBinding
    total_bytes: int
    staged: StagedFile
    expires_at: float
    kept_bytes: int
    """How much a restart would find."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_whole(self) -> bool:
        """Whether all announced bytes have arrived."""
        return self.staged.size_bytes == self.total_bytes


class UploadSessions:
    """The sessions of one store. The id in a session's URL is its permission: only a hash of it is kept."""

    def __init__(self, database: Database, folder: Path, clock: Clock) -> None:
        self._database = database
        self._folder = folder
        self._clock = clock
        self._open: dict[str, UploadSession] = {}
        self._open_lock = threading.Lock()
        with database.writing() as connection:
            connection.execute(_SCHEMA)

    def start(self, name: str, binding: UploadBinding) -> str:
        """Open a session and return its id; ValueError without content type or size."""
        if binding.content_type is None or binding.size_bytes is None:
            raise ValueError("a resumable upload needs a content type and a size")
        upload_id = secrets.token_urlsafe(32)
        staged = StagedFile.create(self._folder)
        expires_at = (self._clock() + timedelta(seconds=RESUMABLE_SECONDS)).timestamp()
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO upload_sessions "
                "(id_hash, name, content_type, announced_bytes, announced_crc32c, file, expires_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    _hashed(upload_id),
                    name,
                    binding.content_type,
                    binding.size_bytes,
                    binding.crc32c,
                    staged.file,
                    expires_at,
                ),
            )
        return upload_id

    def find(self, name: str, upload_id: str) -> UploadSession:
        """The session of an object; 410 when it is unknown, expired, cancelled or for another object."""
        id_hash = _hashed(upload_id)
        with self._open_lock:
            session = self._open.get(id_hash) or self._load(id_hash)
            alive = session and session.expires_at > self._clock().timestamp() and session.staged.is_there
            if session is None or not alive or session.name != name:
                raise no_session()
            self._open[id_hash] = session
        return session

    def write(self, session: UploadSession, position: int, block: bytes) -> None:
        """Append a block that starts at ``position``; 503 when another request has moved the session on."""
        with session.lock:
            self._require_open(session)
            if session.staged.size_bytes != position:
                raise out_of_step(position, session.staged.size_bytes)
            session.staged.write(block)
            if session.staged.size_bytes - session.kept_bytes >= _CHECKPOINT_BYTES:
                self._keep(session)

    def keep(self, session: UploadSession) -> None:
        """Make what arrived outlast a restart; only then may the client be told of it."""
        with session.lock:
            self._require_open(session)
            self._keep(session)

    def finish(self, session: UploadSession, publish: Callable[[], ObjectInfo]) -> ObjectInfo:
        """Publish under the session's lock. Bytes that are refused end the session.

        A finished session stays known, so that a client which missed the last answer can ask again.
        """
        with session.lock:
            self._require_open(session)
            try:
                return publish()
            except Refusal:
                self._drop(session)
                raise

    def cancel(self, session: UploadSession) -> None:
        """End an unfinished session and remove its bytes."""
        with session.lock:
            self._drop(session)

    def expire(self) -> None:
        """Forget the sessions whose time is over; what they wrote is then a file like others, an object or not."""
        with self._database.writing() as connection:
            rows = connection.execute(
                "DELETE FROM upload_sessions WHERE expires_at <= ? RETURNING id_hash", (self._clock().timestamp(),)
            ).fetchall()
        for (id_hash,) in rows:
            with self._open_lock:
                self._open.pop(id_hash, None)

    def uses(self, file: str) -> bool:
        """Whether a session writes to ``file``."""
        with self._database.reading() as connection:
            return connection.execute("SELECT 1 FROM upload_sessions WHERE file = ?", (file,)).fetchone() is not None

    def _load(self, id_hash: str) -> UploadSession | None:
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT name, content_type, announced_bytes, announced_crc32c, file, kept_bytes, kept_crc, expires_at "
                "FROM upload_sessions WHERE id_hash = ?",
                (id_hash,),
            ).fetchone()
        if row is None:
            return None
        name, content_type, total_bytes, crc32c, file, kept_bytes, kept_crc, expires_at = row
        return UploadSession(
            id_hash=id_hash,
            name=name,
            binding=UploadBinding(content_type, total_bytes, crc32c),
            total_bytes=total_bytes,
            staged=StagedFile(self._folder, file, size_bytes=kept_bytes, crc=kept_crc),
            expires_at=expires_at,
            kept_bytes=kept_bytes,
        )

    def _keep(self, session: UploadSession) -> None:
        staged = session.staged
        if staged.size_bytes == session.kept_bytes:
            return
        # The file first: a row must never promise bytes that a loss of power takes away.
        staged.sync()
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE upload_sessions SET kept_bytes = ?, kept_crc = ? WHERE id_hash = ?",
                (staged.size_bytes, staged.crc, session.id_hash),
            )
        session.kept_bytes = staged.size_bytes

    def _require_open(self, session: UploadSession) -> None:
        if self._open.get(session.id_hash) is not session:
            raise no_session()

    def _drop(self, session: UploadSession) -> None:
        # The row first: otherwise `find` could load it again in between.
        with self._database.writing() as connection:
            connection.execute("DELETE FROM upload_sessions WHERE id_hash = ?", (session.id_hash,))
        with self._open_lock:
            self._open.pop(session.id_hash, None)
        session.staged.discard()


def _hashed(upload_id: str) -> str:
    return hashlib.sha256(upload_id.encode()).hexdigest()
