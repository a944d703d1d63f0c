"""The jobs of this desk: its slots, the leases it holds, what is taken on and what is stopped.

``worker/daemon.py`` owns the one instance and feeds it with doorbells and the answers of heartbeats.
"""

import asyncio
import shutil
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path

from schemas.jobs import JobKind
from schemas.renders import ClaimRender
from schemas.workers import HeartbeatAnswer, HeldLease, LeaseState
from worker import logs
from worker.errors import ControlPlaneError, LeaseHeld, Retry
from worker.job_runner import JobRunner, Stop
from worker.logs import Event
from worker.render_work import Tools
from worker.retries import retrying
from worker.state_file import ClaimNote, JobFolder, JobState

CLAIM_SECONDS = 50.0
"""How long a claim is tried again, within one lease: the claim may be ours, and only its answer lost."""
REFUSED_PAUSE_SECONDS = 60.0
"""A job whose claim was refused is not claimed again before, unless it rings: a heartbeat may offer it for ever."""
HELD_PAUSE_SECONDS = 5.0
"""The same for a job that somebody else was given first: it is offered again only when it came back."""
SPARE_BYTES = 256 * 1024 * 1024
"""With less room on the disk no job is taken on: it would only fail here, and might not elsewhere."""


class Desk:
    """Slots with running jobs. ``on_change`` is called when the next heartbeat has something else to say."""

    def __init__(self, data_dir: Path, slots: int, tools: Tools, *, on_change: Callable[[], None]) -> None:
        self._data_dir = data_dir
        self._slots = slots
        self._tools = tools
        self._on_change = on_change
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._runners: dict[str, JobRunner] = {}
        self._paused_until: dict[str, float] = {}
        self._closed = False

    @property
    def free_slots(self) -> int:
        """How many more jobs would be taken on now."""
        if self._closed or shutil.disk_usage(self._data_dir).free < SPARE_BYTES:
            return 0
        return max(0, self._slots - len(self._tasks))

    @property
    def job_ids(self) -> frozenset[str]:
        """The jobs that are being claimed or worked on."""
        return frozenset(self._tasks)

    def held_leases(self) -> list[HeldLease]:
        """The leases as a heartbeat names them."""
        return [runner.folder.state.held_lease(cancelling=runner.cancelling) for runner in self._runners.values()]

    def ring(self, project_id: str, job_id: str, kind: JobKind, *, worker_id: str) -> None:
        """Take the job on as ``offer`` does, also if its claim was refused: something has happened to it since."""
        self._paused_until.pop(job_id, None)
        self.offer(project_id, job_id, kind, worker_id=worker_id)

    def offer(self, project_id: str, job_id: str, kind: JobKind, *, worker_id: str) -> bool:
        """Take the job on if there is room for it, it is new here and was not refused just now; whether it was."""
        if kind is not JobKind.RENDER or job_id in self._tasks or self._is_paused(job_id) or self.free_slots == 0:
            return False
        self._start(job_id, self._claim_and_run(project_id, job_id, kind, worker_id))
        return True

    def resume(self, folder: JobFolder) -> None:
        """Continue a job of an earlier run of the daemon, whose lease is still ours."""
        logs.info(Event.JOB_RECOVERED, **folder.state.names(), phase=folder.state.phase)
        self._start(folder.state.job_id, self._run(folder))

    def heed(self, answer: HeartbeatAnswer) -> None:
        """Stop what is lost or cancelled."""
        for verdict in answer.leases:
            runner = self._runners.get(verdict.job_id)
            reason = stop_reason(verdict)
            if runner and reason and runner.folder.state.attempt == verdict.attempt:
                runner.stop(reason)

    async def close(self, *, within_seconds: float, release_seconds: float) -> None:
        """Take nothing on any more; let jobs end, then hand their leases back. What is not done then is kept.

        Cancelling this call ends the jobs at once.
        """
        self._closed = True
        self._on_change()
        try:
            if self._tasks:
                await asyncio.wait(self._tasks.values(), timeout=within_seconds)
            for runner in self._runners.values():
                runner.stop(Stop.RELEASED)
            if self._tasks:
                await asyncio.wait(self._tasks.values(), timeout=release_seconds)
        finally:
            tasks = list(self._tasks.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, job_id: str, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name=f"job {job_id}")
        self._tasks[job_id] = task
        task.add_done_callback(lambda _: self._ended(job_id))

    def _ended(self, job_id: str) -> None:
        del self._tasks[job_id]
        self._on_change()

    def _is_paused(self, job_id: str) -> bool:
        return self._paused_until.get(job_id, 0) > asyncio.get_running_loop().time()

    def _pause(self, job_id: str, seconds: float) -> None:
        now = asyncio.get_running_loop().time()
        self._paused_until = {paused: until for paused, until in self._paused_until.items() if until > now}
        self._paused_until[job_id] = now + seconds

    async def _claim_and_run(self, project_id: str, job_id: str, kind: JobKind, worker_id: str) -> None:
        note = ClaimNote(project_id=project_id, job_id=job_id, kind=kind)
        try:
            note.write(self._data_dir)
            folder = await self._claim(note, worker_id)
        except OSError as error:
            # Handing the lease back would bring the job back here at once; when it runs out, others get their chance.
            logs.error(Event.STATE_UNWRITTEN, job_id=job_id, reason=str(error))
            self._pause(job_id, REFUSED_PAUSE_SECONDS)
            folder = None
        note.remove(self._data_dir)
        if folder is not None:
            await self._run(folder)

    async def _claim(self, note: ClaimNote, worker_id: str) -> JobFolder | None:
        """The folder of a job that is ours now, or None. OSError: the disk."""
        call = partial(
            self._tools.control_plane.claim_render, note.project_id, note.job_id, ClaimRender(worker_id=worker_id)
        )
        on_retry = partial(logs.trouble, job_id=note.job_id)
        try:
            answer = await retrying(call, within_seconds=CLAIM_SECONDS, on_retry=on_retry)
        except ControlPlaneError as error:
            logs.info(Event.JOB_NOT_CLAIMED, job_id=note.job_id, reason=str(error))
            if not isinstance(error, Retry):
                self._pause(note.job_id, HELD_PAUSE_SECONDS if isinstance(error, LeaseHeld) else REFUSED_PAUSE_SECONDS)
            return None
        state = JobState(
            project_id=note.project_id,
            job_id=note.job_id,
            kind=note.kind,
            attempt=answer.lease.attempt,
            lease_token=answer.lease.token,
        )
        logs.info(Event.JOB_CLAIMED, **state.names())
        return JobFolder.create(self._data_dir, state)

    async def _run(self, folder: JobFolder) -> None:
        job_id = folder.state.job_id
        self._runners[job_id] = JobRunner(folder, self._tools)
        self._on_change()
        try:
            await self._runners[job_id].run()
        except asyncio.CancelledError:
            logs.warning(Event.JOB_KEPT, **folder.state.names())
            raise
        except Exception:  # noqa: BLE001 - one job must not end the daemon; its lease runs out
            logs.defect(**folder.state.names())
        finally:
            del self._runners[job_id]


def stop_reason(verdict: LeaseState) -> Stop | None:
    """What the server's verdict on a lease asks for, if anything."""
    if not verdict.held:
        return Stop.LOST
    return Stop.CANCELLED if verdict.cancel_requested else None
