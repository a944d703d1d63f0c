"""Bytes of the control plane to a file of the person: complete and checked, or not there at all."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from schemas.uploads import DownloadTicket
from worker.asset_push import PATIENCE_SECONDS
from worker.checksums import checksum_file
from worker.errors import Retry, TicketExpired
from worker.retries import retrying
from worker.transfers import OnBytes, Transfers


async def fetch(
    transfers: Transfers,
    get_ticket: Callable[[], Awaitable[DownloadTicket]],
    path: Path,
    *,
    size_bytes: int | None,
    crc32c: str | None,
    on_bytes: OnBytes | None = None,
) -> None:
    """Download to ``path``, replacing what is there; an interruption leaves it as it was."""
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)

    async def attempt() -> None:
        ticket = await get_ticket()
        try:
            await transfers.download(ticket.url, partial, limit_bytes=size_bytes, on_bytes=on_bytes)
        except TicketExpired as error:
            raise Retry(str(error)) from error
        if not await has_bytes(partial, size_bytes, crc32c):
            partial.unlink()
            raise Retry(f"{path.name} arrived damaged")

    try:
        await retrying(attempt, within_seconds=PATIENCE_SECONDS)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


async def has_bytes(path: Path, size_bytes: int | None, crc32c: str | None) -> bool:
    """Whether the file is there and is what the control plane says; what it does not say is not compared."""
    if not path.is_file() or size_bytes not in {None, path.stat().st_size}:
        return False
    return crc32c is None or (await asyncio.to_thread(checksum_file, path)).crc32c == crc32c


def safe_file_name(name: str, *, fallback: str) -> str:
    """The server's name as one harmless path component: no separators, nothing hidden, nothing Windows refuses."""
    return re.sub(r'[\x00-\x1f\x7f<>:"/\\|?*]', "_", name).strip(". ") or fallback
