"""Bytes on their way in: a file that is no object until the store records it. Uploads and sessions write here."""

import base64
import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Self

import google_crc32c

from functions.backends.local.refusal import disk_full

BLOCK_BYTES = 1024 * 1024
"""Bytes are written in blocks of this size: large enough that a thread hand-over per block does not count."""

# A file system may refuse the size of one file (FAT: 4 GiB) or of one person's files; nobody can do more about it.
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class StagedFile:
    """A growing file with its size and checksum. It holds no open handle, so a half-finished one needs no closing.

    ``write`` and ``sync`` block, and raise ``Refusal`` (507) when the disk is full; what was there before stays.
    """

    def __init__(self, folder: Path, file: str, *, size_bytes: int = 0, crc: int = 0) -> None:
        self.file = file
        self.size_bytes = size_bytes
        self.crc = crc
        self._path = file_path(folder, file)

    @classmethod
    def create(cls, folder: Path) -> Self:
        """A new, empty file in ``folder``."""
        staged = cls(folder, token_hex(16))
        with _room():
            staged._path.parent.mkdir(mode=0o700, exist_ok=True)
            staged._path.touch(mode=0o600, exist_ok=False)
        return staged

    @property
    def crc32c(self) -> str:
        """Base64 of the big-endian checksum, as Cloud Storage writes it."""
        return base64.b64encode(self.crc.to_bytes(4, "big")).decode()

    @property
    def is_there(self) -> bool:
        """Whether the file still exists with all bytes that were written."""
        try:
            return self._path.stat().st_size >= self.size_bytes
        except FileNotFoundError:
            return False

    def write(self, block: bytes) -> None:
        """Append a block. Bytes beyond ``size_bytes`` are left-overs of a killed process and overwritten."""
        with _room(), self._path.open("r+b", buffering=0) as file:
            file.seek(self.size_bytes)
            rest = memoryview(block)
            while rest:
                rest = rest[file.write(rest) :]
        self.crc = google_crc32c.extend(self.crc, block)
        self.size_bytes += len(block)

    def sync(self) -> None:
        """Bring the file and its name to the disk, so that it outlasts a loss of power."""
        with _room(), self._path.open("r+b", buffering=0) as file:
            os.fsync(file.fileno())
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def discard(self) -> None:
        """Remove the file."""
        self._path.unlink(missing_ok=True)


def file_path(folder: Path, file: str) -> Path:
    """Where ``file`` lies. Files are named by chance, never after an object: no object name reaches the disk."""
    return folder / file[:2] / file


def require_room(folder: Path, size_bytes: int) -> None:
    """507 when ``size_bytes`` cannot fit, before any of them is sent."""
    if size_bytes > shutil.disk_usage(folder).free:
        raise disk_full()


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise disk_full() from error
        raise
