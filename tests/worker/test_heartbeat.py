import asyncio
from collections.abc import Awaitable, Callable

import pytest

from worker import heartbeat as heartbeat_module
from worker import retries
from worker.errors import ControlPlaneError, Gone, Offline
from worker.heartbeat import Heartbeat

LONG = 3600.0


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_SECONDS", 0.001)
    monkeypatch.setattr(heartbeat_module, "SHORTEST_GAP_SECONDS", 0.01)


class Server:
    """Answers beats: a long poll lasts until ``ring``; ``failures`` come first."""

    def __init__(self) -> None:
        self.beats = 0
        self.given_up = 0
        self.ring = asyncio.Event()
        self.failures: list[ControlPlaneError] = []
        self.news = False

    async def beat(self, wait_seconds: float) -> bool:
        self.beats += 1
        if self.failures:
            raise self.failures.pop(0)
        if wait_seconds:
            try:
                await self.ring.wait()
            except asyncio.CancelledError:
                self.given_up += 1
                raise
        return self.news


def live(script: Callable[[Server, Heartbeat], Awaitable[None]], *, wait: float = 0, pause: float = LONG) -> Server:
    async def main() -> Server:
        server = Server()
        heart = Heartbeat(server.beat)
        running = asyncio.ensure_future(heart.run(wait_seconds=wait, pause_seconds=pause))
        script_run = asyncio.ensure_future(script(server, heart))
        try:
            await asyncio.wait({running, script_run}, timeout=20, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
            assert script_run.done(), "the script waits for something that does not happen"
            script_run.result()
        finally:
            running.cancel()
            script_run.cancel()
        return server

    return asyncio.run(main())


async def beats(server: Server, count: int) -> None:
    while server.beats < count:  # noqa: ASYNC110 - what it waits for sets no event
        await asyncio.sleep(0.001)


def test_a_hurry_cuts_the_pause_short() -> None:
    async def script(server: Server, heart: Heartbeat) -> None:
        await beats(server, 1)
        heart.hurry()
        await beats(server, 2)

    assert live(script).beats == 2


def test_a_hurry_gives_up_a_long_poll_and_asks_anew() -> None:
    async def script(server: Server, heart: Heartbeat) -> None:
        await beats(server, 1)
        heart.hurry()
        await beats(server, 2)

    server = live(script, wait=LONG, pause=0)
    assert (server.beats, server.given_up) == (2, 2)  # the second by the end of the test


def test_news_are_followed_by_the_next_beat_at_once() -> None:
    async def script(server: Server, _: Heartbeat) -> None:
        server.news = True
        await beats(server, 3)

    assert live(script).beats >= 3


def test_a_poll_answered_at_once_with_nothing_is_not_a_storm() -> None:
    async def script(server: Server, _: Heartbeat) -> None:
        server.ring.set()
        await asyncio.sleep(0.5)

    assert live(script, wait=LONG, pause=0).beats == 1


def test_even_endless_hurry_leaves_a_gap() -> None:
    async def script(_: Server, heart: Heartbeat) -> None:
        for _i in range(500):
            heart.hurry()
            await asyncio.sleep(0.001)

    assert live(script).beats < 100


def test_it_survives_an_outage() -> None:
    async def script(server: Server, _: Heartbeat) -> None:
        server.failures = [Offline("x") for _ in range(5)]
        await beats(server, 6)

    assert live(script).beats == 6


def test_what_cannot_be_tried_again_ends_it() -> None:
    async def script(server: Server, _: Heartbeat) -> None:
        server.failures = [Gone("forgotten")]
        await asyncio.sleep(10)

    with pytest.raises(Gone, match="forgotten"):
        live(script)
