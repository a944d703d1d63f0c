"""What renders on this machine have learnt: contents of files, finished outputs, encoding speeds.

The engine and the estimate ask it. It is one SQLite file that processes share; losing it costs time and nothing else.
"""

import contextlib
import hashlib
import json
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worker.checksums import PIECE_BYTES

_TABLES = """
CREATE TABLE IF NOT EXISTS contents (path TEXT PRIMARY KEY, looks TEXT NOT NULL, sha256 TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS outputs (path TEXT PRIMARY KEY, looks TEXT NOT NULL, recipe TEXT NOT NULL,
                                    facts TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS speeds (recipe TEXT PRIMARY KEY, pixels_per_second REAL NOT NULL,
                                   bits_per_pixel REAL NOT NULL);
"""
_WAIT_SECONDS = 10
_SETTLED_NS = 2_000_000_000
"""A file younger than this may change again without looking different: some clocks of file systems are so coarse."""
_NEWEST_WEIGHT = 0.3


@dataclass(frozen=True)
class Speed:
    """How fast a preset was encoded here, and how large it became."""

    pixels_per_second: float
    bits_per_pixel: float


class Ledger:
    """The file ``path``; unreadable, it is begun anew. Safe to use from several threads and processes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._write(_TABLES)
        except sqlite3.DatabaseError:
            path.unlink(missing_ok=True)
            self._write(_TABLES)

    def content_of(self, path: Path) -> str:
        """SHA-256 of the file's bytes, read only if it looks different from when they were read last. OSError."""
        before = looks(path)
        known = self._row("SELECT sha256 FROM contents WHERE path = ? AND looks = ?", str(path), before)
        if known:
            return str(known[0])
        sha256 = _sha256(path)
        after = looks(path)
        if after == before and time.time_ns() - path.stat().st_mtime_ns > _SETTLED_NS:
            self._put("INSERT OR REPLACE INTO contents VALUES (?, ?, ?)", str(path), before, sha256)
        return sha256

    def finished(self, output: Path, recipe: str) -> dict[str, Any] | None:
        """What was noted of ``output`` when ``recipe`` made it, if the file still is that one."""
        with contextlib.suppress(OSError):
            found = self._row(
                "SELECT facts FROM outputs WHERE path = ? AND looks = ? AND recipe = ?",
                *(str(output), looks(output), recipe),
            )
            return dict(json.loads(found[0])) if found else None
        return None

    def note_finished(self, output: Path, recipe: str, facts: dict[str, Any]) -> None:
        """Remember that ``output`` as it is now was made by ``recipe`` and checked."""
        values = (str(output), looks(output), recipe, json.dumps(facts))
        self._put("INSERT OR REPLACE INTO outputs VALUES (?, ?, ?, ?)", *values)

    def speed(self, recipe: str) -> Speed | None:
        """How ``recipe``, a preset's encoder arguments as text, went here before."""
        found = self._row("SELECT pixels_per_second, bits_per_pixel FROM speeds WHERE recipe = ?", recipe)
        return Speed(float(found[0]), float(found[1])) if found else None

    def note_speed(self, recipe: str, seen: Speed) -> None:
        """Remember ``seen``; the newest counts for a third, so that one busy evening does not spoil all estimates."""
        known = self.speed(recipe) or seen
        pixels = known.pixels_per_second + _NEWEST_WEIGHT * (seen.pixels_per_second - known.pixels_per_second)
        bits = known.bits_per_pixel + _NEWEST_WEIGHT * (seen.bits_per_pixel - known.bits_per_pixel)
        self._put("INSERT OR REPLACE INTO speeds VALUES (?, ?, ?)", recipe, pixels, bits)

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(self._path, timeout=_WAIT_SECONDS)) as database, database:
            yield database

    def _write(self, script: str) -> None:
        with self._open() as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.executescript(script)

    def _put(self, statement: str, *values: object) -> None:
        with contextlib.suppress(sqlite3.DatabaseError), self._open() as database:
            database.execute(statement, values)

    def _row(self, statement: str, *values: object) -> tuple[str, ...] | None:
        with contextlib.suppress(sqlite3.DatabaseError), self._open() as database:
            found: tuple[str, ...] | None = database.execute(statement, values).fetchone()
            return found
        return None


def looks(path: Path) -> str:
    """What tells a file from an earlier one of its name without reading it: size, times, inode. OSError."""
    status = path.stat()
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_dev}:{status.st_ino}"


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()
