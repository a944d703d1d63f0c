"""When to try again (schemas/PROTOCOL.md, section 1): a pure policy and the loop that follows it.

Called around calls of ``worker/control_plane.py`` and transfers by the daemon and the command line.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from worker.errors import ControlPlaneError, Retry, Unauthenticated

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 30.0
LOGIN_SECONDS = 60.0
"""After a refused token a person has to act, so asking more often only makes noise."""
LONGEST_RETRY_AFTER_SECONDS = 300.0
"""A larger ``Retry-After`` is a mistake or malice; a desk does not go silent for it."""

ResultT = TypeVar("ResultT")


def delay_seconds(error: ControlPlaneError, attempt: int, *, random_unit: float) -> float | None:
    """Seconds to wait before the next try, or None if trying again changes nothing.

    ``attempt`` counts failures so far from 0, ``random_unit`` lies in [0, 1): full jitter, so that desks which lost
    their server together do not come back together.
    """
    if isinstance(error, Unauthenticated):
        return LOGIN_SECONDS
    if not isinstance(error, Retry):
        return None
    if error.after_seconds is not None:
        return min(error.after_seconds, LONGEST_RETRY_AFTER_SECONDS)
    return random_unit * min(FIRST_SECONDS * 2.0 ** min(attempt, 16), LONGEST_SECONDS)


def unit_jitter() -> float:
    """A random number in [0, 1)."""
    return random.random()  # noqa: S311 - nobody gains from guessing it


async def retrying(
    call: Callable[[], Awaitable[ResultT]],
    *,
    within_seconds: float | None = None,
    on_retry: Callable[[ControlPlaneError, float], None] | None = None,
) -> ResultT:
    """The result of ``call``, tried until it succeeds, fails for good, or the next try would be later than allowed.

    ``within_seconds`` counts from now on the monotonic clock; None tries for ever. ``on_retry`` is told the error and
    the seconds until the next try.
    """
    loop = asyncio.get_running_loop()
    started = loop.time()
    attempt = 0
    while True:
        try:
            return await call()
        except ControlPlaneError as error:
            wait = delay_seconds(error, attempt, random_unit=unit_jitter())
            if wait is None or (within_seconds is not None and loop.time() - started + wait > within_seconds):
                raise
            if on_retry is not None:
                on_retry(error, wait)
        attempt += 1
        await asyncio.sleep(wait)
