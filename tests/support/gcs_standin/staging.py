"""Bytes on their way in: a temporary file with size and checksums, and what the sender promised about them.

Both APIs and resumable sessions write here; an object exists only once `ObjectStore.publish` took the file.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import google_crc32c

from .errors import StorageError

_DIGEST_BYTES = {"crc32c": 4, "md5": 16}


class StagedBytes:
    """One temporary file, checksummed while it grows. The owner publishes or discards it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size_bytes = 0
        self._crc32c = 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        # Unbuffered: what `write` returned from can be published at once.
        self._file = path.open("xb", buffering=0)

    def write(self, chunk: bytes | bytearray) -> None:
        view = memoryview(chunk)
        while view:
            view = view[self._file.write(view) :]
        self._crc32c = google_crc32c.extend(self._crc32c, bytes(chunk))
        self._md5.update(chunk)
        self.size_bytes += len(chunk)

    @property
    def crc32c(self) -> str:
        """Base64 of the big-endian CRC, as both APIs write it."""
        return base64.b64encode(self._crc32c.to_bytes(4, "big")).decode()

    @property
    def md5(self) -> str:
        return base64.b64encode(self._md5.digest()).decode()

    def close(self) -> None:
        self._file.close()

    def discard(self) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Promise:
    """What the sender said the bytes would be; None where it said nothing. Digests are base64."""

    crc32c: str | None = None
    md5: str | None = None
    size_bytes: int | None = None
    smallest_bytes: int = 0
    largest_bytes: int | None = None

    def check_announced(self, size_bytes: int) -> None:
        """Refuse an announced total before any byte is taken."""
        if self.size_bytes is not None and size_bytes != self.size_bytes:
            raise StorageError("InvalidArgument", f"Expected {self.size_bytes} bytes, got {size_bytes} announced.")
        self.check_growing(size_bytes)
        if size_bytes < self.smallest_bytes:
            raise StorageError("EntityTooSmall", f"{size_bytes} bytes; at least {self.smallest_bytes} are required.")

    def check_growing(self, size_bytes: int) -> None:
        """Refuse bytes beyond what is allowed, as they arrive."""
        if self.largest_bytes is not None and size_bytes > self.largest_bytes:
            raise StorageError("EntityTooLarge", f"{size_bytes} bytes; at most {self.largest_bytes} are allowed.")
        if self.size_bytes is not None and size_bytes > self.size_bytes:
            raise StorageError("InvalidArgument", f"More than the announced {self.size_bytes} bytes were sent.")

    def check_whole(self, staged: StagedBytes) -> None:
        """Refuse finished bytes whose size or checksum is not the promised one."""
        self.check_announced(staged.size_bytes)
        for name, promised, received in (
            ("CRC32C", self.crc32c, staged.crc32c),
            ("MD5 hash", self.md5, staged.md5),
        ):
            if promised is not None and promised != received:
                details = f'Provided {name} "{promised}" doesn\'t match calculated {name} "{received}".'
                raise StorageError("BadDigest", details)

    def with_hashes(self, hash_headers: Iterable[str]) -> "Promise":
        """Add what ``x-goog-hash`` headers promise (``crc32c=...,md5=...``, once or several times)."""
        promise = self
        for part in (part.strip() for header in hash_headers for part in header.split(",")):
            algorithm, _, digest = part.partition("=")
            if algorithm == "crc32c":
                promise = replace(promise, crc32c=canonical_digest(digest, "crc32c"))
            elif algorithm == "md5":
                promise = replace(promise, md5=canonical_digest(digest, "md5"))
            else:
                raise StorageError("InvalidDigest", f"Unknown hash algorithm: {algorithm}")
        return promise


def canonical_digest(encoded: str, algorithm: str) -> str:
    """Base64 as we write it ourselves, or StorageError for anything that cannot be such a digest."""
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != _DIGEST_BYTES[algorithm]:
        raise StorageError("InvalidDigest", f"Not a base64 {algorithm} digest: {encoded}")
    return base64.b64encode(raw).decode()
