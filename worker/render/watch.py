"""Renders again whenever one of its files is saved, and stops a render that is out of date. ``deskrun render --watch``.

The output is replaced only by a finished one, so that it can be played at any time.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

SETTLE_SECONDS = 0.2
"""Saving is often several steps: wait until nothing happened for so long."""

_CHANGES = {"created", "modified", "moved", "deleted", "closed"}


async def keep_rendered(attempt: Callable[[], Awaitable[None]], files: Callable[[], set[Path]]) -> None:
    """Run ``attempt`` now and after every change of one of ``files()``, for ever; what it raises ends all.

    ``files`` is asked before every attempt, and again after it: an attempt may find out what it needs.
    """
    while True:
        wanted = files()
        async with _changes(wanted) as changed:
            attempted = asyncio.ensure_future(attempt())
            heard = asyncio.ensure_future(changed.wait())
            try:
                await asyncio.wait({attempted, heard}, return_when=asyncio.FIRST_COMPLETED)
                if attempted.done():
                    attempted.result()
                    if files() == wanted:
                        await heard
            finally:
                for task in (attempted, heard):
                    task.cancel()
                await asyncio.wait({attempted, heard})
            while changed.is_set():
                changed.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), SETTLE_SECONDS)


@asynccontextmanager
async def _changes(files: set[Path]) -> AsyncIterator[asyncio.Event]:
    """An event that is set by every change of one of ``files``. Folders are watched: editors replace what they save."""
    loop, changed = asyncio.get_running_loop(), asyncio.Event()

    class Handler(FileSystemEventHandler):
        def on_any_event(self, event: FileSystemEvent) -> None:
            touched = {Path(str(event.src_path)), Path(str(event.dest_path or event.src_path))}
            if event.event_type in _CHANGES and touched & files:
                loop.call_soon_threadsafe(changed.set)

    observer = Observer()
    for folder in {file.parent for file in files if file.parent.is_dir()}:
        observer.schedule(Handler(), str(folder))
    observer.start()
    try:
        yield changed
    finally:
        observer.stop()
        await asyncio.to_thread(observer.join)


def named_files(timeline: Mapping[str, Any], asset_map: Mapping[str, str]) -> set[Path]:
    """Every absolute path that a prepared timeline or its assets name."""
    found = {Path(place) for place in asset_map.values()}
    found |= {Path(url) for url in _urls(timeline)}
    return {path for path in found if path.is_absolute()}


def _urls(document: Mapping[str, Any]) -> Iterator[str]:
    waiting: list[Any] = [document]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(node)
        elif isinstance(node, dict):
            waiting.extend(node.values())
            if isinstance(node.get("target_url"), str):
                yield node["target_url"]
