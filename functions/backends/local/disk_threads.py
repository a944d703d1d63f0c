"""Threads for the file work of uploads and downloads, apart from those of the endpoints."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread

P = ParamSpec("P")
T = TypeVar("T")

_threads = CapacityLimiter(8)


async def on_disk(function: Callable[P, T], *args: P.args, **_: P.kwargs) -> T:
    """``function(*args)`` in one of these threads, so that a slow disk holds up nobody else."""
    return await to_thread.run_sync(function, *args, limiter=_threads)
