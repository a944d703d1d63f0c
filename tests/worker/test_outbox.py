import asyncio
from collections.abc import Awaitable, Callable

import pytest

from schemas.jobs import JobStatus
from schemas.renders import RenderProgress, ReportAnswer
from worker import retries
from worker.errors import ControlPlaneError, Gone, LeaseHeld, LeaseLost, Offline, Refused, Retry, UploadRejected
from worker.outbox import Outbox

FINE = ReportAnswer(status=JobStatus.PROCESSING, cancel_requested=False, lease_expires_at=None)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_SECONDS", 0.001)


def report(progress: float, status: JobStatus = JobStatus.PROCESSING) -> RenderProgress:
    return RenderProgress.model_validate({"job_id": "j", "status": status, "progress": progress})


class Wire:
    """The other end: what arrived, and how the next reports are answered."""

    def __init__(self) -> None:
        self.sent: list[float] = []
        self.failures: list[ControlPlaneError] = []
        self.open = asyncio.Event()
        self.open.set()
        self.lost = 0
        self.answers: list[ReportAnswer] = []
        self.outbox = Outbox(self.send, on_answer=self.answers.append, on_lost=self.lose)

    async def send(self, report: RenderProgress) -> ReportAnswer:
        await self.open.wait()
        self.sent.append(report.progress)
        if self.failures:
            raise self.failures.pop(0)
        return FINE

    def lose(self) -> None:
        self.lost += 1


def talk(script: Callable[[Wire], Awaitable[None]]) -> Wire:
    async def main() -> Wire:
        wire = Wire()
        running = asyncio.ensure_future(wire.outbox.run())
        try:
            await asyncio.wait_for(script(wire), 20)
        finally:
            running.cancel()
        return wire

    return asyncio.run(main())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what it waits for sets no event
        await asyncio.sleep(0.001)


def test_newer_progress_replaces_what_still_waits() -> None:
    async def script(wire: Wire) -> None:
        wire.open.clear()
        wire.outbox.post(report(1))
        await asyncio.sleep(0.01)
        for progress in range(2, 50):
            wire.outbox.post(report(progress))
        wire.open.set()
        await until(lambda: len(wire.sent) == 2)
        await asyncio.sleep(0.01)

    assert talk(script).sent == [1, 49]


def test_a_delivered_report_comes_after_what_is_on_its_way_and_drops_what_waits() -> None:
    async def script(wire: Wire) -> None:
        wire.open.clear()
        wire.outbox.post(report(1))
        await asyncio.sleep(0.01)
        delivery = asyncio.ensure_future(wire.outbox.deliver(report(100, JobStatus.COMPLETED)))
        wire.outbox.post(report(2))
        await asyncio.sleep(0.01)
        wire.open.set()
        assert await delivery == FINE

    sent = talk(script).sent
    assert sent[0] == 1
    assert 100 in sent


def test_progress_is_tried_again_and_the_newest_is_what_arrives() -> None:
    async def script(wire: Wire) -> None:
        wire.failures = [Offline("x"), Retry("y", after_seconds=0)]
        wire.outbox.post(report(1))
        await until(lambda: len(wire.sent) >= 1)
        wire.outbox.post(report(2))
        await until(lambda: bool(wire.answers))

    assert talk(script).sent[-1] == 2


def test_a_final_report_is_tried_until_it_is_answered() -> None:
    async def script(wire: Wire) -> None:
        wire.failures = [Offline("x") for _ in range(5)]
        await wire.outbox.deliver(report(100, JobStatus.COMPLETED))

    assert talk(script).sent == [100] * 6


@pytest.mark.parametrize("kind", [Gone, LeaseLost, LeaseHeld])
def test_progress_of_a_lost_job_tells_so_once(kind: type[ControlPlaneError]) -> None:
    async def script(wire: Wire) -> None:
        wire.failures = [kind("x")]
        wire.outbox.post(report(1))
        await until(lambda: wire.lost == 1)
        await asyncio.sleep(0.01)

    wire = talk(script)
    assert (wire.sent, wire.lost) == ([1], 1)


@pytest.mark.parametrize("kind", [Gone, LeaseLost, UploadRejected, Refused])
def test_a_final_report_that_is_refused_for_good_is_the_callers_to_handle(kind: type[ControlPlaneError]) -> None:
    async def script(wire: Wire) -> None:
        wire.failures = [kind("x")]
        with pytest.raises(kind):
            await wire.outbox.deliver(report(100, JobStatus.COMPLETED))

    assert talk(script).sent == [100]


def test_refused_progress_is_dropped_and_the_next_is_sent() -> None:
    async def script(wire: Wire) -> None:
        wire.failures = [Refused("x")]
        wire.outbox.post(report(1))
        await until(lambda: len(wire.sent) == 1)
        wire.outbox.post(report(2))
        await until(lambda: bool(wire.answers))

    wire = talk(script)
    assert (wire.sent, wire.lost) == ([1, 2], 0)
