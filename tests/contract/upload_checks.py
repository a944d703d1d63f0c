"""Bytes, checksums and broken connections for the suites of object stores."""

import base64
import socket
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import google_crc32c

QUANTUM_BYTES = 256 * 1024
PATIENCE_SECONDS = 30.0


def crc32c(data: bytes) -> str:
    """As Cloud Storage writes it."""
    return base64.b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode()


def pattern(size_bytes: int) -> bytes:
    """Bytes in which no two places look alike."""
    words = (size_bytes + 7) // 8
    return b"".join((n * 0x9E3779B97F4A7C15 % 2**64).to_bytes(8, "big") for n in range(words))[:size_bytes]


def put_and_hang_up(url: str, headers: dict[str, str], *, announced_bytes: int, sent: bytes) -> None:
    """Start a PUT of ``announced_bytes``, send less, and cut the line."""
    parts = urlsplit(url)
    lines = [
        f"PUT {parts.path}?{parts.query} HTTP/1.1",
        f"Host: {parts.netloc}",
        f"Content-Length: {announced_bytes}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    with socket.create_connection((parts.hostname or "", parts.port or 0)) as line:
        line.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + sent)


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether the condition comes true in time; a server notices a cut line a moment later."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
