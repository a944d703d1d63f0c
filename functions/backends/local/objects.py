"""``ObjectStore`` in a folder, its catalogue in SQLite; ``wiring`` builds it, ``object_server`` serves its URLs.

An object exists by its row, which names a file. The row changes in one transaction after the file is on the disk, so
whatever is killed when, there is the old object or the new one; a file without a row is swept.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from functions.backends.local.database import Database
from functions.backends.local.refusal import bad_upload, exists_already
from functions.backends.local.signed_urls import UrlSigner, binding_to_query, load_key, upload_headers
from functions.backends.local.staged_file import BLOCK_BYTES, StagedFile, file_path
from functions.backends.local.upload_sessions import UploadSessions
from functions.errors import Contention, ControlPlaneError, NotFound
from functions.ports import Clock, ObjectInfo, SignedUpload, UploadBinding

logger = logging.getLogger(__name__)

_ORPHAN_AGE = timedelta(hours=1)
"""A file without a row is written to, or is an orphan when nothing was written for this long."""
_DELETE_BATCH = 500
_MAX_NAME_BYTES = 1024

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    name TEXT PRIMARY KEY,
    file TEXT NOT NULL UNIQUE,
    size_bytes INTEGER NOT NULL,
    crc32c TEXT NOT NULL,
    content_type TEXT NOT NULL,
    created_at TEXT NOT NULL,
    announced INTEGER NOT NULL DEFAULT 0
)
"""
_BY_NAME = "SELECT name, size_bytes, crc32c, content_type, created_at, file FROM objects WHERE name = ?"
_BY_FILE = "SELECT name, size_bytes, crc32c, content_type, created_at, file FROM objects WHERE file = ?"
_UNANNOUNCED = "SELECT name, size_bytes, crc32c, content_type, created_at, file FROM objects WHERE announced = 0"
_FROM_NAME_ON = "SELECT name, file FROM objects WHERE name >= ? ORDER BY name LIMIT ?"
_RECORD = """
INSERT OR REPLACE INTO objects (name, size_bytes, crc32c, content_type, created_at, file) VALUES (?, ?, ?, ?, ?, ?)
"""


def _ignore(_: ObjectInfo) -> None:
    """Nobody wants to know of new objects."""


class FolderObjectStore:
    """Objects as files of one folder.

    ``on_finalized`` hears of every new object at least once, normally before the upload is answered. It may raise
    ``ControlPlaneError`` to be told again by ``sweep``.
    """

    def __init__(
        self,
        database: Database,
        data_dir: Path,
        *,
        bucket: str,
        public_url: str,
        clock: Clock,
        on_finalized: Callable[[ObjectInfo], None] = _ignore,
    ) -> None:
        self.bucket = bucket
        self.folder = data_dir / "objects"
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.signer = UrlSigner(load_key(data_dir / "signing.key"), public_url, clock)
        self._database = database
        self._clock = clock
        self._on_finalized = on_finalized
        with database.writing() as connection:
            connection.execute(_SCHEMA)
        self.sessions = UploadSessions(database, self.folder, clock)

    def sign_upload(self, name: str, binding: UploadBinding, *, expires_seconds: int) -> SignedUpload:
        _check_name(name)
        bound = binding_to_query(binding)
        url = self.signer.sign("PUT", name, expires_seconds=expires_seconds, bound=bound)
        return SignedUpload(url, upload_headers(binding))

    def start_resumable(self, name: str, binding: UploadBinding) -> SignedUpload:
        _check_name(name)
        if self.stat(name):
            raise Contention(f"There already is an object {name}.")
        upload_id = self.sessions.start(name, binding)
        return SignedUpload(self.signer.url(name, [("upload_id", upload_id)]))

    def sign_download(self, name: str, *, expires_seconds: int, file_name: str | None = None) -> str:
        bound = {"file_name": file_name} if file_name else {}
        return self.signer.sign("GET", name, expires_seconds=expires_seconds, bound=bound)

    def stat(self, name: str) -> ObjectInfo | None:
        missing: str | None = None
        while found := self._find(_BY_NAME, name):
            info, file = found
            if file_path(self.folder, file).exists():
                return info
            if file == missing:
                return None
            # The object was replaced or deleted after its row was read, or its file is gone; the next look tells.
            missing = file
        return None

    def write(self, name: str, data: BinaryIO, *, content_type: str) -> ObjectInfo:
        _check_name(name)
        staged = StagedFile.create(self.folder)
        try:
            while block := data.read(BLOCK_BYTES):
                staged.write(block)
            return self.publish(name, staged, UploadBinding(content_type))
        except BaseException:
            self.discard(staged)
            raise

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        _, file = self.open_file(name)
        with file:
            yield file

    def open_file(self, name: str) -> tuple[ObjectInfo, BinaryIO]:
        """An object and its open bytes, which stay readable when it is replaced or deleted; NotFound without it."""
        missing: str | None = None
        while found := self._find(_BY_NAME, name):
            info, file = found
            if file == missing:
                raise FileNotFoundError(f"the file of object {name} is gone: {file}")
            try:
                return info, file_path(self.folder, file).open("rb")
            except FileNotFoundError:
                # The object was replaced or deleted after its row was read; the next look tells.
                missing = file
        raise NotFound(f"There is no object {name}.")

    def delete(self, name: str) -> None:
        with self._database.writing() as connection:
            rows = connection.execute("DELETE FROM objects WHERE name = ? RETURNING file", (name,)).fetchall()
        self._remove_files([file for (file,) in rows])

    def delete_prefix(self, prefix: str) -> int:
        deleted = 0
        while True:
            with self._database.writing() as connection:
                rows = connection.execute(_FROM_NAME_ON, (prefix, _DELETE_BATCH)).fetchall()
                doomed = [(name, file) for name, file in rows if name.startswith(prefix)]
                connection.executemany("DELETE FROM objects WHERE name = ?", [(name,) for name, _ in doomed])
            self._remove_files([file for _, file in doomed])
            deleted += len(doomed)
            if len(doomed) < _DELETE_BATCH:
                return deleted

    def publish(self, name: str, staged: StagedFile, binding: UploadBinding) -> ObjectInfo:
        """Make a staged file the object ``name``; ``Refusal`` when it is not as bound, or an object is in the way."""
        if binding.size_bytes is not None and staged.size_bytes != binding.size_bytes:
            raise bad_upload(f"Announced were {binding.size_bytes} bytes, received {staged.size_bytes}.")
        if binding.crc32c is not None and staged.crc32c != binding.crc32c:
            raise bad_upload(f"Announced was CRC32C {binding.crc32c}, received bytes with {staged.crc32c}.")
        staged.sync()
        info = ObjectInfo(
            name=name,
            size_bytes=staged.size_bytes,
            crc32c=staged.crc32c,
            content_type=binding.content_type or "application/octet-stream",
            created_at=self._clock(),
        )
        with self._database.writing() as connection:
            replaced = [row[-1] for row in connection.execute(_BY_NAME, (name,))]
            if binding.size_bytes is not None and any(file_path(self.folder, file).exists() for file in replaced):
                raise exists_already(name)
            connection.execute(
                _RECORD,
                (name, info.size_bytes, info.crc32c, info.content_type, info.created_at.isoformat(), staged.file),
            )
        self._remove_files(replaced)
        self._announce(info, staged.file)
        return info

    def published(self, staged: StagedFile) -> ObjectInfo | None:
        """The object that a staged file has become, if it has."""
        found = self._find(_BY_FILE, staged.file)
        return found[0] if found else None

    def discard(self, staged: StagedFile) -> None:
        """Remove a staged file, unless it became an object before what went wrong went wrong."""
        if self.published(staged) is None:
            staged.discard()

    def sweep(self) -> None:
        """Finish what a kill left behind: unannounced objects, abandoned sessions, files of neither.

        The local server calls it at its start and every hour.
        """
        with self._database.reading() as connection:
            unannounced = connection.execute(_UNANNOUNCED).fetchall()
        for *info, file in unannounced:
            self._announce(_info(*info), file)
        self.sessions.expire()
        newest = (self._clock() - _ORPHAN_AGE).timestamp()
        for path in self.folder.glob("??/*"):
            if path.stat().st_mtime < newest and not self._in_use(path.name):
                path.unlink(missing_ok=True)
                logger.info("Removed the rest of an upload", extra={"event": "orphan_removed"})

    def _in_use(self, file: str) -> bool:
        return self._find(_BY_FILE, file) is not None or self.sessions.uses(file)

    def _find(self, statement: str, key: str) -> tuple[ObjectInfo, str] | None:
        with self._database.reading() as connection:
            row = connection.execute(statement, (key,)).fetchone()
        return (_info(*row[:-1]), row[-1]) if row else None

    def _announce(self, info: ObjectInfo, file: str) -> None:
        try:
            self._on_finalized(info)
        except ControlPlaneError:
            # The upload itself succeeded, and a client that sent it again would be refused.
            logger.exception("Could not announce %s", info.name, extra={"event": "announce_failed"})
            return
        with self._database.writing() as connection:
            connection.execute("UPDATE objects SET announced = 1 WHERE file = ?", (file,))

    def _remove_files(self, files: list[str]) -> None:
        for file in files:
            file_path(self.folder, file).unlink(missing_ok=True)


def _info(name: str, size_bytes: int, crc32c: str, content_type: str, created_at: str) -> ObjectInfo:
    return ObjectInfo(name, size_bytes, crc32c, content_type, datetime.fromisoformat(created_at))


def _check_name(name: str) -> None:
    """Cloud Storage's rules: https://cloud.google.com/storage/docs/objects#naming."""
    if not name or len(name.encode()) > _MAX_NAME_BYTES or "\r" in name or "\n" in name or name in {".", ".."}:
        raise ValueError(f"not a name for an object: {name!r}")
