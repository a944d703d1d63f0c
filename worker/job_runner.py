"""One attempt at one job, from a claimed lease to an empty job folder. ``worker/daemon.py`` starts one per slot.

It owns the reports and every way in which an attempt can end; the work itself is in ``worker/render_work.py``.
"""

import asyncio
import errno
from enum import StrEnum
from typing import Any

from schemas.jobs import JobStatus
from schemas.renders import RenderProgress, ReportAnswer
from worker import logs
from worker.assets.cache import AssetCorruptError
from worker.assets.resolve import AssetRefusedError
from worker.errors import LeaseHeld, NotOurs, Refused, UploadRejected
from worker.logs import Event
from worker.outbox import Outbox
from worker.progress import ReportPace
from worker.render.errors import RenderError
from worker.render_work import JobFailedError, RenderWork, Tools
from worker.state_file import JobFolder, JobPhase

MOST_UPLOADS = 3
"""Objects the server refuses before the job fails (PROTOCOL section 1)."""
LONGEST_MESSAGE = 4000

_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_END_EVENTS = {
    JobStatus.COMPLETED: Event.JOB_COMPLETED,
    JobStatus.FAILED: Event.JOB_FAILED,
    JobStatus.CANCELLED: Event.JOB_CANCELLED,
}


class Stop(StrEnum):
    """Why work on a job ends before its end."""

    LOST = "lost"
    """It is not ours any more: no report."""
    CANCELLED = "cancelled"
    """A person does not want it any more: report that we stopped."""
    RELEASED = "released"
    """The daemon ends: hand the lease back."""


class JobRunner:
    """The attempt that ``folder`` describes."""

    def __init__(self, folder: JobFolder, tools: Tools) -> None:
        self.folder = folder
        self._control_plane = tools.control_plane
        self._loop = asyncio.get_running_loop()
        self._stop: asyncio.Future[Stop] = self._loop.create_future()
        self._pace = ReportPace()
        self._outbox = Outbox(self._send, on_answer=self._heed, on_lost=lambda: self.stop(Stop.LOST))
        self._work = RenderWork(folder, tools, tell=self._tell, deliver=self._outbox.deliver)

    def stop(self, reason: Stop) -> None:
        """End the work. Ignored once the final report is on its way, whose answer says what became of the job."""
        if not self._stop.done() and self.folder.state.phase is not JobPhase.REPORTING:
            self._stop.set_result(reason)

    @property
    def cancelling(self) -> bool:
        """Whether the cancel that a person asked for is under way."""
        return self._stop.done() and self._stop.result() is Stop.CANCELLED

    async def run(self) -> None:
        """Work until the server has been told the end, or the job is lost; then the folder is gone.

        Cancelled, it ends its children, keeps the folder for the next start, and raises CancelledError.
        """
        posting = asyncio.ensure_future(self._outbox.run())
        try:
            if not await self._finish_unless_stopped():
                await self._wind_up(self._stop.result())
        except (NotOurs, LeaseHeld) as error:
            logs.warning(Event.JOB_LOST, **self.folder.state.names(), reason=str(error))
        finally:
            posting.cancel()
            await asyncio.gather(posting, return_exceptions=True)
        self.folder.delete()

    async def _finish_unless_stopped(self) -> bool:
        """Whether the work came to its own end."""
        task = asyncio.ensure_future(self._finish())
        try:
            ends: list[asyncio.Future[Any]] = [task, self._stop]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            task.cancel()
            await asyncio.wait({task})
        if task.cancelled():
            return False
        task.result()
        return True

    async def _wind_up(self, reason: Stop) -> None:
        state = self.folder.state
        if reason is Stop.CANCELLED:
            self._note(phase=JobPhase.REPORTING, final_report=state.report(JobStatus.CANCELLED, 0))
            await self._deliver_final()
        elif reason is Stop.RELEASED:
            released = state.report(JobStatus.FAILED, 0, released=True, message="the desk is shutting down")
            await self._outbox.deliver(released)
            logs.info(Event.JOB_RELEASED, **state.names())
        else:
            logs.warning(Event.JOB_LOST, **state.names())

    async def _finish(self) -> None:
        """From the phase on disk to a final report that the server has answered."""
        while True:
            if self.folder.state.phase is not JobPhase.REPORTING:
                self._note(phase=JobPhase.REPORTING, final_report=await self._final_report())
            try:
                await self._deliver_final()
            except UploadRejected as error:
                self._upload_again(error)
            else:
                return

    async def _final_report(self) -> RenderProgress:
        """``completed``, or ``failed`` whatever it was that went wrong. Raises only what means the job is lost."""
        try:
            return await self._work.make()
        except (NotOurs, LeaseHeld):
            raise
        except (JobFailedError, AssetRefusedError, RenderError) as error:
            return self._failed(error.code, str(error))
        except AssetCorruptError as error:
            return self._failed("asset_corrupt", str(error))
        except Refused as error:
            return self._failed("request_refused", str(error))
        except OSError as error:
            return self._failed("disk_full" if error.errno in _DISK_FULL else "io_error", str(error))
        except Exception as error:  # noqa: BLE001 - the outermost loop of a job: the daemon and other jobs go on
            logs.defect(**self.folder.state.names())
            return self._failed("worker_defect", f"{type(error).__name__}: {error}")

    def _failed(self, code: str, message: str) -> RenderProgress:
        return self.folder.state.report(JobStatus.FAILED, 0, error_code=code, error_message=message[:LONGEST_MESSAGE])

    async def _deliver_final(self) -> None:
        """UploadRejected: the server looked, and the object is not what we said."""
        report = self.folder.state.final_report
        while report is not None:
            try:
                await self._outbox.deliver(report)
            except Refused as error:
                logs.error(Event.REPORT_REFUSED, **self.folder.state.names(), status=report.status, reason=str(error))
                completed = report.status is JobStatus.COMPLETED
                report = self._failed("report_refused", str(error)) if completed else None
            else:
                event = _END_EVENTS[report.status]
                logs.info(event, **self.folder.state.names(), error_code=report.error_code, reason=report.error_message)
                return

    def _upload_again(self, error: UploadRejected) -> None:
        rejected = self.folder.state.rejected_uploads + 1
        logs.warning(Event.UPLOAD_RESTARTED, **self.folder.state.names(), reason=str(error))
        if rejected < MOST_UPLOADS:
            self._note(phase=JobPhase.UPLOADING, upload=None, final_report=None, rejected_uploads=rejected)
        else:
            message = f"the server refused {rejected} uploads: {error}"
            self._note(final_report=self._failed("upload_failed", message), rejected_uploads=rejected)

    def _note(self, **changes: object) -> None:
        """Write the state, or with a full disk just remember it: the server must be told either way."""
        try:
            self.folder.save(**changes)
        except OSError as error:
            logs.error(Event.STATE_UNWRITTEN, **self.folder.state.names(), reason=str(error))
            self.folder.state = self.folder.state.model_copy(update=changes)

    # Reports

    def _tell(self, report: RenderProgress) -> None:
        if self._pace.is_due(report.progress, report.phase or report.status, now_seconds=self._loop.time()):
            self._outbox.post(report)

    async def _send(self, report: RenderProgress) -> ReportAnswer:
        state = self.folder.state
        return await self._control_plane.report_render(state.project_id, report, lease_token=state.lease_token)

    def _heed(self, answer: ReportAnswer) -> None:
        if answer.cancel_requested:
            self.stop(Stop.CANCELLED)
