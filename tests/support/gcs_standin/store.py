"""Buckets and objects on disk: bytes in a file per generation, metadata in SQLite; the APIs keep state here.

An object's file name is its generation number, so no object name ever becomes a path.
"""

import json
import sqlite3
import uuid
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Self

from .errors import StorageError
from .objects import Metadata, Preconditions, StoredObject, check_name
from .staging import StagedBytes

_SCHEMA = """
CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, resource TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS objects (
  bucket TEXT NOT NULL, name TEXT NOT NULL, record TEXT NOT NULL, PRIMARY KEY (bucket, name)
) WITHOUT ROWID;
"""


class ObjectStore:
    """All buckets and objects of one data folder. Only the server's event loop uses it."""

    def __init__(self, data: Path, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._bytes = data / "bytes"
        self._staging = data / "staging"
        for folder in (self._bytes, self._staging):
            folder.mkdir(parents=True, exist_ok=True)
        for left_over in self._staging.iterdir():
            left_over.unlink()
        # Opened where the server is built, used in the thread that runs its loop.
        self._index = sqlite3.connect(data / "index.sqlite3", isolation_level=None, check_same_thread=False)
        self._index.executescript(_SCHEMA)
        self._index.execute("PRAGMA synchronous=OFF")
        self._last_generation = max((int(path.name) for path in self._bytes.iterdir()), default=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._index.close()

    def save_bucket(self, name: str, settings: dict[str, Any]) -> dict[str, Any]:
        """Create a bucket or replace its settings; returns its resource."""
        resource = {"kind": "storage#bucket", "id": name, "location": "US", **settings, "name": name}
        self._index.execute("INSERT OR REPLACE INTO buckets VALUES (?, ?)", (name, json.dumps(resource)))
        return resource

    def bucket(self, name: str) -> dict[str, Any]:
        row = self._index.execute("SELECT resource FROM buckets WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise StorageError("NoSuchBucket", f"The bucket {name} does not exist.")
        resource: dict[str, Any] = json.loads(row[0])
        return resource

    def has_bucket(self, name: str) -> bool:
        return self._index.execute("SELECT 1 FROM buckets WHERE name = ?", (name,)).fetchone() is not None

    def find(self, bucket: str, name: str) -> StoredObject | None:
        """The live object, or None; StorageError when there is no such bucket."""
        self.bucket(bucket)
        query = "SELECT record FROM objects WHERE bucket = ? AND name = ?"
        row = self._index.execute(query, (bucket, name)).fetchone()
        return _from_record(row[0]) if row else None

    def get(self, bucket: str, name: str, generation: int | None = None) -> StoredObject:
        found = self.find(bucket, name)
        if found is None or generation not in (None, found.generation):
            raise StorageError("NoSuchKey", f"No such object: {bucket}/{name}")
        return found

    def list_after(self, bucket: str, prefix: str, after: str, limit: int) -> list[StoredObject]:
        """At most ``limit`` objects in name order (UTF-8 bytes), with the prefix, strictly after a name."""
        self.bucket(bucket)
        query = (
            "SELECT record FROM objects WHERE bucket = ? AND name > ? AND substr(name, 1, length(?)) = ?"
            " ORDER BY name LIMIT ?"
        )
        rows = self._index.execute(query, (bucket, after, prefix, prefix, limit))
        return [_from_record(record) for (record,) in rows]

    def stage(self) -> StagedBytes:
        return StagedBytes(self._staging / uuid.uuid4().hex)

    def publish(
        self, staged: StagedBytes, target: tuple[str, str], preconditions: Preconditions, metadata: Metadata
    ) -> StoredObject:
        """Make staged bytes the live object ``target`` (bucket, name) in one step, or leave them."""
        self._check_write(target, preconditions)
        now = self._clock()
        stored = StoredObject(
            bucket=target[0],
            name=target[1],
            generation=self._next_generation(now),
            metageneration=1,
            size_bytes=staged.size_bytes,
            crc32c=staged.crc32c,
            md5=staged.md5,
            created_at=now,
            updated_at=now,
            fields=metadata.fields,
            metadata=metadata.metadata,
        )
        staged.close()
        staged.path.rename(self._bytes / str(stored.generation))
        self._replace(stored)
        return stored

    def copy(
        self,
        source: StoredObject,
        target: tuple[str, str],
        preconditions: Preconditions,
        metadata: Metadata | None,
    ) -> StoredObject:
        """A new object with the source's bytes, and its metadata unless other is given."""
        self._check_write(target, preconditions)
        now = self._clock()
        copied = replace(
            source,
            bucket=target[0],
            name=target[1],
            generation=self._next_generation(now),
            metageneration=1,
            created_at=now,
            updated_at=now,
            fields=source.fields if metadata is None else metadata.fields,
            metadata=source.metadata if metadata is None else metadata.metadata,
        )
        # Generations never change, so both may share one file.
        (self._bytes / str(copied.generation)).hardlink_to(self._path(source))
        self._replace(copied)
        return copied

    def amend(self, changed: StoredObject) -> StoredObject:
        """Store changed metadata of a live object as its next metageneration."""
        amended = replace(changed, metageneration=changed.metageneration + 1, updated_at=self._clock())
        self._write(amended)
        return amended

    def mark_composite(self, stored: StoredObject, components: int) -> StoredObject:
        """Turn a just published object into a composite one, which has no MD5."""
        composite = replace(stored, md5=None, component_count=components)
        self._write(composite)
        return composite

    def delete(self, stored: StoredObject) -> None:
        self._index.execute("DELETE FROM objects WHERE bucket = ? AND name = ?", (stored.bucket, stored.name))
        self._path(stored).unlink()

    def open(self, stored: StoredObject) -> BinaryIO:
        """The bytes, readable to the end even if the object is replaced or deleted meanwhile."""
        return self._path(stored).open("rb")

    def _path(self, stored: StoredObject) -> Path:
        return self._bytes / str(stored.generation)

    def _check_write(self, target: tuple[str, str], preconditions: Preconditions) -> None:
        check_name(target[1])
        preconditions.check(self.find(*target))

    def _next_generation(self, now: datetime) -> int:
        """Microseconds, as in Cloud Storage, and never the same twice."""
        self._last_generation = max(int(now.timestamp() * 1_000_000), self._last_generation + 1)
        return self._last_generation

    def _replace(self, stored: StoredObject) -> None:
        replaced = self.find(stored.bucket, stored.name)
        self._write(stored)
        if replaced:
            self._path(replaced).unlink()

    def _write(self, stored: StoredObject) -> None:
        record = json.dumps(asdict(stored), default=datetime.isoformat)
        row = (stored.bucket, stored.name, record)
        self._index.execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?)", row)


def _from_record(record: str) -> StoredObject:
    values = json.loads(record)
    for name in ("created_at", "updated_at"):
        values[name] = datetime.fromisoformat(values[name])
    return StoredObject(**values)
