"""The desk's pulse, never held up by a render. The subscriptions set its pace, the daemon its content."""

import asyncio
from collections.abc import Awaitable, Callable

from worker import logs
from worker.errors import ControlPlaneError
from worker.logs import Event
from worker.retries import delay_seconds, unit_jitter

SHORTEST_POLL_SECONDS = 1.0
"""A long poll that is answered sooner than this and brings nothing new is not repeated before."""
SHORTEST_GAP_SECONDS = 0.1
"""Between two beats, however much hurry there is: no misunderstanding between desk and server becomes a storm."""

Beat = Callable[[float], Awaitable[bool]]
"""One heartbeat that may wait so many seconds at the server; whether it brought anything new."""


class Heartbeat:
    """Calls ``beat`` for ever. ``hurry`` makes the next beat happen now, which also gives up one that is waiting."""

    def __init__(self, beat: Beat) -> None:
        self._beat = beat
        self._hurry = asyncio.Event()
        self._failures = 0

    def hurry(self) -> None:
        """What the desk has to say or wants to know has changed."""
        self._hurry.set()

    async def run(self, *, wait_seconds: float, pause_seconds: float) -> None:
        """Beat until cancelled: each waits up to ``wait_seconds`` at the server, then ``pause_seconds`` pass.

        What can be tried again is; the other errors of ``worker/errors.py`` end it.
        """
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            self._hurry.clear()
            pause = await self._beat_once(wait_seconds)
            if pause is None:
                pause = max(pause_seconds, started + SHORTEST_POLL_SECONDS - loop.time())
            await self._sleep(pause)
            await asyncio.sleep(started + SHORTEST_GAP_SECONDS - loop.time())

    async def _beat_once(self, wait_seconds: float) -> float | None:
        """Seconds to pause if something says so, else None."""
        beat = asyncio.ensure_future(self._beat(wait_seconds))
        hurry = asyncio.ensure_future(self._hurry.wait())
        try:
            # A beat that does not wait is over soon and carries what the hurry is about, or the next one will.
            await asyncio.wait({beat, hurry} if wait_seconds else {beat}, return_when=asyncio.FIRST_COMPLETED)
            if not beat.done():
                return 0
            return self._after(beat)
        finally:
            for task in (beat, hurry):
                task.cancel()
            await asyncio.wait({beat, hurry})

    def _after(self, beat: asyncio.Future[bool]) -> float | None:
        try:
            news = beat.result()
        except ControlPlaneError as error:
            wait = delay_seconds(error, self._failures, random_unit=unit_jitter())
            if wait is None:
                raise
            self._failures += 1
            logs.trouble(error, wait)
            return wait
        if self._failures:
            logs.info(Event.CONTROL_PLANE_BACK)
        self._failures = 0
        return 0 if news else None

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._hurry.wait()
        except TimeoutError:
            pass
