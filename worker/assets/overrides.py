"""Local files that stand in for assets: folders of the person at this desk, watched, looked up by id and content.

``worker/assets/resolve.py`` asks it. A file is used in place when it is the asset, as the manifest's checksums tell;
its name decides only where the manifest has none.
"""

import os
import threading
from collections.abc import Sequence
from pathlib import Path

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedNoWriteEvent,
    FileOpenedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

from schemas.renders import AssetIntegrity
from worker import logs
from worker.assets.integrity import differs, is_proof
from worker.checksums import Checksums, checksum_file
from worker.logs import Event


class Overrides:
    """An index of the override folders, kept true by file system events. Start it once, stop it once."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = tuple(folder.resolve() for folder in folders)
        self._sizes: dict[Path, int] = {}
        self._checksums: dict[tuple[Path, int, int], Checksums] = {}
        self._lock = threading.Lock()
        self._observer = Observer()

    def start(self) -> None:
        """Watch, then scan once, so that no change falls in between. May take a while: call it in a thread."""
        self._observer.start()
        for folder in self.folders:
            try:
                self._observer.schedule(_Watch(self), str(folder), recursive=True)
            except OSError as error:
                logs.error(Event.OVERRIDES_UNWATCHED, folder=folder, reason=str(error))
            else:
                self.add(folder)

    def stop(self) -> None:
        """Stop watching."""
        self._observer.stop()
        self._observer.join()

    def add(self, path: Path) -> None:
        """Take up a file, or a folder with all below it, as it is now; forget it if it is gone."""
        found: dict[Path, int] = {}
        for file in _files_below(path):
            try:
                found[file] = file.stat().st_size
            except OSError:  # gone again
                continue
        with self._lock:
            self._forget(path)
            self._sizes.update(found)

    def find(self, asset_id: str, wanted: AssetIntegrity) -> Path | None:
        """A file that is this asset, its symbolic links resolved. Reads whole files: call it in a thread."""
        with self._lock:
            named = [path for path in self._sizes if _bears(path, asset_id)]
            same_size = [path for path, size in self._sizes.items() if size == wanted.size_bytes]
        if not is_proof(wanted):
            same_size = []
        for path in dict.fromkeys([*sorted(named), *sorted(same_size)]):
            reason = self._unusable(path, wanted)
            if reason is None:
                logs.info(Event.OVERRIDE_USED, asset_id=asset_id, file=path)
                return path.resolve()
            if path in named:
                logs.warning(Event.OVERRIDE_IGNORED, asset_id=asset_id, file=path, reason=reason)
        return None

    def _unusable(self, path: Path, wanted: AssetIntegrity) -> str | None:
        try:
            if not any(path.resolve().is_relative_to(folder) for folder in self.folders):
                return "it is a link that leads out of the override folders"
            stat = path.stat()
            if wanted.size_bytes is not None and wanted.size_bytes != stat.st_size:
                return f"size is {stat.st_size}, not {wanted.size_bytes} bytes"
            key = (path, stat.st_size, stat.st_mtime_ns)
            if key not in self._checksums:
                self._checksums[key] = checksum_file(path)
            return differs(self._checksums[key], wanted)
        except OSError as error:
            return f"it cannot be read: {error.strerror}"

    def _forget(self, path: Path) -> None:
        if self._sizes.pop(path, None) is None:
            self._sizes = {file: size for file, size in self._sizes.items() if not file.is_relative_to(path)}


class _Watch(FileSystemEventHandler):
    def __init__(self, overrides: Overrides) -> None:
        self._overrides = overrides

    def on_any_event(self, event: FileSystemEvent) -> None:
        if isinstance(event, FileOpenedEvent | FileClosedNoWriteEvent):
            return
        if event.is_directory and not isinstance(event, DirCreatedEvent | DirMovedEvent | DirDeletedEvent):
            return  # "modified" follows each change inside, which has its own event
        self._overrides.add(Path(os.fsdecode(event.src_path)))
        if event.dest_path:
            self._overrides.add(Path(os.fsdecode(event.dest_path)))


def _files_below(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [Path(parent, name) for parent, _, names in os.walk(path) for name in names if Path(parent, name).is_file()]


def _bears(path: Path, asset_id: str) -> bool:
    """``{asset_id}``, ``{asset_id}.*``, or a file in a folder called ``{asset_id}``."""
    return asset_id in (path.name, path.stem, path.parent.name)
