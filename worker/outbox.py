"""Reports of one job on their way to the control plane, in order. ``worker/job_runner.py`` owns one per attempt.

Progress is worth nothing once there is newer progress, so at most one such report waits. Everything else is delivered
by a caller who waits for the answer, and who has put a final report on disk before (``worker/state_file.py``).
"""

import asyncio
from collections.abc import Awaitable, Callable

from schemas.renders import RenderProgress, ReportAnswer
from worker import logs
from worker.errors import LeaseHeld, NotOurs, Refused, Retry, Unauthenticated, UploadRejected
from worker.logs import Event
from worker.retries import delay_seconds, retrying, unit_jitter

Send = Callable[[RenderProgress], Awaitable[ReportAnswer]]


class Outbox:
    """``send`` makes the call; ``on_answer`` sees each answer, ``on_lost`` learns that the job is not ours any more."""

    def __init__(self, send: Send, *, on_answer: Callable[[ReportAnswer], None], on_lost: Callable[[], None]) -> None:
        self._send = send
        self._on_answer = on_answer
        self._on_lost = on_lost
        self._latest: RenderProgress | None = None
        self._news = asyncio.Event()
        self._order = asyncio.Lock()

    def post(self, progress: RenderProgress) -> None:
        """Send this when it is its turn, unless newer progress or a delivered report overtakes it."""
        self._latest = progress
        self._news.set()

    async def deliver(self, report: RenderProgress) -> ReportAnswer:
        """The answer to this report, tried for ever; progress that still waits is dropped.

        Raises NotOurs, UploadRejected and Refused, in which trying again changes nothing.
        """
        self._latest = None
        async with self._order:
            answer = await retrying(lambda: self._send(report), on_retry=logs.trouble)
        self._on_answer(answer)
        return answer

    async def run(self) -> None:
        """Send what is posted, until cancelled."""
        failures = 0
        while True:
            await self._news.wait()
            self._news.clear()
            wait = await self._send_latest(failures)
            failures = failures + 1 if wait else 0
            await asyncio.sleep(wait)

    async def _send_latest(self, failures: int) -> float:
        """Seconds until the next try; 0 when the report was answered or is of no use."""
        async with self._order:
            report, self._latest = self._latest, None
            if report is None:
                return 0
            try:
                self._on_answer(await self._send(report))
            except (Retry, Unauthenticated) as error:
                self.post(self._latest or report)
                wait = delay_seconds(error, failures, random_unit=unit_jitter()) or 0
                logs.trouble(error, wait)
                return wait
            except (NotOurs, LeaseHeld):
                self._on_lost()
            except (Refused, UploadRejected) as error:
                logs.error(Event.REPORT_REFUSED, job_id=report.job_id, status=report.status, reason=str(error))
        return 0
