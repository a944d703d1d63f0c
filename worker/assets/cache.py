"""Downloaded assets in ``cache/{asset_id}/``: checked against the manifest, bounded in size, shared by all jobs.

``worker/assets/resolve.py`` calls it. ``content.*`` counts only beside an ``entry.json`` that describes exactly this
file, so nothing half-written is ever used.
"""

import asyncio
import contextlib
import errno
import os
import re
import shutil
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterator
from functools import partial as bound
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from schemas.renders import AssetIntegrity
from worker import logs
from worker.assets.integrity import differs
from worker.checksums import Checksums, checksum_file
from worker.errors import TicketExpired
from worker.logs import Event
from worker.private_file import write_private
from worker.retries import retrying
from worker.transfers import TooManyBytes, Transfers

_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")

GetUrl = Callable[[], Awaitable[str]]
"""Asks the control plane for a fresh download URL of the asset."""


class AssetCorruptError(Exception):
    """The bytes that can be had for an asset are not what the manifest says, twice in a row."""


class _Entry(BaseModel):
    """``entry.json``: the checked file, and what it looked like when it was checked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file_name: str
    modified_at_ns: int
    size_bytes: int
    crc32c: str
    sha256: str

    def checksums(self) -> Checksums:
        return Checksums(self.size_bytes, self.crc32c, self.sha256)


class AssetCache:
    """The cache folder. Use it from one event loop of one process; the daemon's lock sees to that."""

    def __init__(self, folder: Path, *, max_bytes: int, transfers: Transfers) -> None:
        self.folder = folder
        self._max_bytes = max_bytes
        self._transfers = transfers
        self._held: Counter[str] = Counter()
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @contextlib.contextmanager
    def hold(self, asset_ids: Collection[str]) -> Iterator[None]:
        """Keep these assets from being evicted; afterwards the cache is brought below its limit again."""
        self._held.update(list(asset_ids))  # a mapping would be added by its values
        try:
            yield
        finally:
            self._held.subtract(list(asset_ids))
            self._make_room(0)

    async def fetch(self, asset_id: str, wanted: AssetIntegrity, get_url: GetUrl, *, name: str, partial: Path) -> Path:
        """The asset's file, from the cache or downloaded by way of ``partial``, and what ``wanted`` says it is.

        Of ``name`` only a harmless extension is used. ``partial`` lies on the cache's file system; what is there
        already is continued. Jobs that want the same asset share one download. Raises AssetCorruptError, OSError for
        the disk, and the errors of ``get_url``.
        """
        async with self._locks[asset_id]:
            hit = await asyncio.to_thread(self._look_up, asset_id, wanted)
            if hit is not None:
                return hit
            self._check_space(asset_id, wanted, partial)
            try:
                found = await self._download(asset_id, get_url, wanted, partial)
            except AssetCorruptError:
                found = await self._download(asset_id, get_url, wanted, partial)
            return self._keep(asset_id, partial, found, name)

    async def _download(self, asset_id: str, get_url: GetUrl, wanted: AssetIntegrity, partial: Path) -> Checksums:
        """What ``partial`` holds once it is complete and right; wrong bytes are thrown away."""

        async def one_try() -> None:
            for last in (False, False, True):
                try:
                    await self._transfers.download(await get_url(), partial, limit_bytes=wanted.size_bytes)
                except TicketExpired:
                    if last:
                        raise
                else:
                    return

        try:
            await retrying(one_try, on_retry=bound(logs.trouble, asset_id=asset_id))
            found = await asyncio.to_thread(checksum_file, partial)
            reason = differs(found, wanted)
        except TooManyBytes:
            reason = f"it is longer than {wanted.size_bytes} bytes"
        if reason is None:
            return found
        logs.warning(Event.ASSET_CORRUPT, asset_id=asset_id, reason=reason)
        partial.unlink()
        raise AssetCorruptError(f"asset {asset_id}: {reason}")

    def _look_up(self, asset_id: str, wanted: AssetIntegrity) -> Path | None:
        entry_path = self.folder / asset_id / "entry.json"
        try:
            entry = _Entry.model_validate_json(entry_path.read_bytes())
            path = entry_path.with_name(Path(entry.file_name).name)
            stat = path.stat()
        except (OSError, ValidationError):
            return None
        found = entry.checksums()
        if (stat.st_size, stat.st_mtime_ns) != (entry.size_bytes, entry.modified_at_ns):
            found = checksum_file(path)
        reason = differs(found, wanted)
        if reason is not None:
            logs.warning(Event.ASSET_CORRUPT, asset_id=asset_id, reason=f"in the cache: {reason}")
            return None
        os.utime(entry_path)  # "last used", for the eviction
        return path

    def _keep(self, asset_id: str, partial: Path, found: Checksums, name: str) -> Path:
        suffix = Path(name).suffix
        path = self.folder / asset_id / f"content{suffix if _SUFFIX.fullmatch(suffix) else ''}"
        shutil.rmtree(path.parent, ignore_errors=True)
        path.parent.mkdir(mode=0o700, parents=True)  # the entry is written last: without it, nothing is there
        partial.replace(path)
        entry = _Entry(
            file_name=path.name,
            modified_at_ns=path.stat().st_mtime_ns,
            size_bytes=found.size_bytes,
            crc32c=found.crc32c,
            sha256=found.sha256,
        )
        write_private(path.with_name("entry.json"), entry.model_dump_json())
        logs.info(Event.ASSET_FETCHED, asset_id=asset_id, size_bytes=found.size_bytes)
        return path

    def _check_space(self, asset_id: str, wanted: AssetIntegrity, partial: Path) -> None:
        """Fail before the download rather than in its last minute."""
        missing = (wanted.size_bytes or 0) - (partial.stat().st_size if partial.exists() else 0)
        self._make_room(missing)
        if shutil.disk_usage(partial.parent).free < missing:
            raise OSError(errno.ENOSPC, f"no room for the {wanted.size_bytes} bytes of asset {asset_id}")

    def _make_room(self, needed_bytes: int) -> None:
        """Evict what was not used for the longest time; assets that running jobs hold stay, whatever the limit."""
        if not self.folder.exists():
            return
        sizes = {path: _size_bytes(path) for path in self.folder.iterdir()}
        excess = sum(sizes.values()) + needed_bytes - self._max_bytes
        for path in sorted(sizes, key=_last_used_ns):
            if excess <= 0:
                return
            if self._held[path.name] <= 0:
                shutil.rmtree(path)
                excess -= sizes[path]
                logs.info(Event.ASSET_EVICTED, asset_id=path.name, size_bytes=sizes[path])


def _size_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def _last_used_ns(folder: Path) -> int:
    entry = folder / "entry.json"
    return entry.stat().st_mtime_ns if entry.exists() else 0
