"""Encoded pieces of renders, named by what is in them and shared by every process of this desk. The engine owns one.

A piece counts only beside the note that describes exactly its bytes. A render works in a folder of its own
in the cache: what it encodes begins there, and what it uses is linked there, so nobody's clearing up takes it away.
"""

import contextlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import google_crc32c
from filelock import FileLock, Timeout

from worker.checksums import PIECE_BYTES
from worker.render.ledger import Ledger

DEFAULT_MAX_BYTES = 10 * 1024**3
_LOCK = ".lock"
_RECOUNT_EVERY = 64
"""Pieces admitted between two looks at the whole folder: other processes fill it, too."""


@dataclass(frozen=True)
class Note:
    """What a piece was found to be when it was made: its bytes, and what joining it with others asks for.

    ``reorder`` is how many frames decoding runs ahead of showing; ``header`` stands for the decoder's configuration.
    """

    size_bytes: int
    crc32c: int
    reorder: int
    header: str


class SegmentCache:
    """The folder of pieces, kept below ``max_bytes`` by dropping what was not used for longest."""

    def __init__(self, folder: Path, *, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self.folder = folder
        self.ledger = Ledger(folder / "ledger.sqlite3")
        self._pieces = folder / "pieces"
        self._desks = folder / "renders"
        self._max_bytes = max_bytes
        self._admitted = 0
        self._size_bytes = 0
        self._pieces.mkdir(parents=True, exist_ok=True)
        self._desks.mkdir(exist_ok=True)
        self._sweep()

    def has(self, key: str) -> int | None:
        """Size in bytes of the piece, by its note and its size on disk; None if it has to be made."""
        note = self._note(key)
        return note.size_bytes if note else None

    @contextlib.contextmanager
    def bench(self) -> Iterator["Bench"]:
        """A folder for one render, removed at the end."""
        folder = self._desks / uuid.uuid4().hex
        with FileLock(f"{folder}{_LOCK}"):  # before there is a folder that others might take for abandoned
            folder.mkdir()
            try:
                yield Bench(self, folder)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
                with contextlib.suppress(OSError):  # Windows: a later start sweeps it
                    folder.with_suffix(_LOCK).unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Clear away after processes that were killed: nobody holds their locks."""
        for path in self._desks.glob(f"*{_LOCK}"):
            with contextlib.suppress(Timeout, OSError), FileLock(path, blocking=False):
                shutil.rmtree(path.with_suffix(""), ignore_errors=True)
                path.unlink(missing_ok=True)

    def _paths(self, key: str) -> tuple[Path, Path]:
        folder = self._pieces / key[:2]
        return folder / f"{key}.piece", folder / f"{key}.json"

    def _note(self, key: str) -> Note | None:
        piece, described = self._paths(key)
        try:
            note = Note(**json.loads(described.read_bytes()))
            return note if piece.stat().st_size == note.size_bytes else None
        except (OSError, ValueError, TypeError):
            return None

    def _take(self, key: str, target: Path) -> Note | None:
        """The piece at ``target`` and its note, if its bytes are still what was noted; else it is dropped."""
        note = self._note(key)
        piece, described = self._paths(key)
        if note is not None:
            with contextlib.suppress(OSError):
                if not target.exists():
                    _link(piece, target)
                if _crc32c(target) == note.crc32c:
                    os.utime(described)
                    return note
        for path in (described, piece, target):
            path.unlink(missing_ok=True)
        return None

    def _admit(self, key: str, made: Path, note: Note) -> None:
        """Keep ``made`` as the piece; whoever makes the same at the same time makes the same bytes."""
        piece, described = self._paths(key)
        piece.parent.mkdir(exist_ok=True)
        beside = made.with_name(f"{made.name}.{uuid.uuid4().hex}")
        _link(made, beside)
        beside.replace(piece)
        beside.write_text(json.dumps(asdict(note)))
        beside.replace(described)
        self._size_bytes += note.size_bytes
        if self._admitted % _RECOUNT_EVERY == 0 or self._size_bytes > self._max_bytes:
            self._drop_oldest()
        self._admitted += 1

    def _drop_oldest(self) -> None:
        found: list[tuple[float, int, Path]] = []
        for described in self._pieces.glob("*/*.json"):
            with contextlib.suppress(OSError):
                size = described.with_suffix(".piece").stat().st_size
                found.append((described.stat().st_mtime, size, described))
        total = sum(size for _, size, _ in found)
        for _, size, described in sorted(found):
            if total <= self._max_bytes:
                break
            described.unlink(missing_ok=True)
            described.with_suffix(".piece").unlink(missing_ok=True)
            total -= size
        self._size_bytes = total


class Bench:
    """One render's folder in the cache. Use it from one process."""

    def __init__(self, cache: SegmentCache, folder: Path) -> None:
        self.folder = folder
        self._cache = cache
        self._notes: dict[str, Note] = {}

    def path(self, key: str) -> Path:
        """Where the piece lies once it was taken or admitted."""
        return self.folder / f"{key}.piece"

    def has(self, key: str) -> bool:
        """Whether the piece was taken or admitted."""
        return key in self._notes

    def note(self, key: str) -> Note:
        """The note of a piece that was taken or admitted."""
        return self._notes[key]

    def take(self, key: str) -> bool:
        """Have the piece here from the cache; whether it was there, unharmed. Reads it whole: call it in a thread."""
        note = self._cache._take(key, self.path(key))  # noqa: SLF001 - two halves of one room
        if note is not None:
            self._notes[key] = note
        return note is not None

    def admit(self, key: str, *, reorder: int, header: str) -> None:
        """Take ``path(key)``, just written, for good: on the disk, described, and for every process to find."""
        path = self.path(key)
        with path.open("r+b") as file:
            os.fsync(file.fileno())
        note = Note(path.stat().st_size, _crc32c(path), reorder, header)
        self._notes[key] = note
        self._cache._admit(key, path, note)  # noqa: SLF001


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without links
        shutil.copyfile(source, target)


def _crc32c(path: Path) -> int:
    crc = 0
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            crc = google_crc32c.extend(crc, piece)
    return crc
