"""Size, CRC-32C and SHA-256 of a file in one pass, as the wire writes them; used wherever the desk checks bytes."""

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

import google_crc32c

PIECE_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Checksums:
    """What a file's bytes are: ``crc32c`` as Cloud Storage writes it, ``sha256`` in lower-case hexadecimal."""

    size_bytes: int
    crc32c: str
    sha256: str


def checksum_file(path: Path) -> Checksums:
    """Read the whole file once, a piece at a time. Takes about a second per GiB: call it in a thread."""
    crc, sha, size = 0, hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            crc = google_crc32c.extend(crc, piece)
            sha.update(piece)
            size += len(piece)
    return Checksums(size, base64.b64encode(crc.to_bytes(4, "big")).decode("ascii"), sha.hexdigest())
