"""The desktop daemon: registers this desk, listens, works, ends in good order. ``deskrun worker`` and ``up`` run it.

``run_daemon`` is the whole life of one process; ``retire`` takes the desk out of service. States and files are in
``worker/README.md``.
"""

import asyncio
import contextlib
import signal
import uuid
from collections.abc import Awaitable, Iterator
from functools import partial
from importlib import metadata
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from schemas.events import Doorbell, DoorbellReason
from schemas.jobs import JobKind
from schemas.workers import PROTOCOL_VERSION, Capabilities, PubSubSubscription, RegisterWorker, WorkerAnswer
from schemas.workers import Heartbeat as HeartbeatRequest
from worker import logs
from worker.assets.cache import AssetCache
from worker.assets.overrides import Overrides
from worker.assets.resolve import AssetResolver
from worker.control_plane import ControlPlane, TokenProvider
from worker.desk import Desk
from worker.errors import ControlPlaneError, Gone
from worker.heartbeat import SHORTEST_POLL_SECONDS, Heartbeat
from worker.logs import Event
from worker.processes import kill_leftovers
from worker.render.cache import SegmentCache
from worker.render.errors import RenderError
from worker.render.ffmpeg import Ffmpeg, find_ffmpeg, working_encoders
from worker.render_work import Tools
from worker.retries import retrying
from worker.settings import Settings
from worker.state_file import ClaimNote, DeskState, JobFolder, read_desk_state, write_desk_state
from worker.subscriptions.interface import Subscription
from worker.subscriptions.poll import PollSubscription
from worker.transfers import Transfers

RELEASE_SECONDS = 10.0
"""For handing leases back after the drain; with a server that does not answer, the leases run out instead."""


class DataDirError(Exception):
    """The data folder cannot be used, or another daemon works in it."""


async def run_daemon(settings: Settings, token_provider: TokenProvider) -> int:
    """Work until SIGTERM or SIGINT; the exit code: 0 in good order, 1 when this desk cannot work at all."""
    logs.configure(settings.log_format)
    try:
        ffmpeg = await asyncio.to_thread(find_ffmpeg, settings.ffmpeg)
        with _sole_use(settings.data_dir):
            logs.info(Event.DAEMON_STARTED, data_dir=settings.data_dir, control_plane=settings.control_plane_url)
            async with (
                ControlPlane(settings.control_plane_url, token_provider) as control_plane,
                Transfers() as transfers,
            ):
                cache = AssetCache(settings.data_dir / "cache", max_bytes=settings.cache_max_bytes, transfers=transfers)
                overrides = Overrides(settings.override_dirs)
                await asyncio.to_thread(overrides.start)
                try:
                    assets = AssetResolver(control_plane, cache, overrides)
                    pieces = SegmentCache(settings.render_cache_dir, max_bytes=settings.render_cache_max_bytes)
                    tools = Tools(control_plane, transfers, assets, ffmpeg, settings.render_threads, pieces)
                    await Daemon(settings, tools).run()
                finally:
                    overrides.stop()
    except (DataDirError, RenderError, ControlPlaneError) as error:
        logs.error(Event.DAEMON_FAILED, reason=str(error))
        return 1
    logs.info(Event.DAEMON_STOPPED)
    return 0


async def retire(settings: Settings, token_provider: TokenProvider) -> bool:
    """Take this desk out of service at its control plane; whether it was in service. Raises DataDirError."""
    with _sole_use(settings.data_dir):
        desk = read_desk_state(settings.data_dir, settings.control_plane_url)
        if desk is None:
            return False
        async with ControlPlane(settings.control_plane_url, token_provider) as control_plane:
            with contextlib.suppress(Gone):
                await control_plane.retire_worker(desk.worker_id)
        (settings.data_dir / "state.json").unlink()
        return True


class Daemon:
    """One desk at one control plane."""

    def __init__(self, settings: Settings, tools: Tools) -> None:
        self._settings = settings
        self._tools = tools
        self._control_plane = tools.control_plane
        self._heartbeat = Heartbeat(self._beat)
        self._desk = Desk(settings.data_dir, settings.slots, tools, on_change=self._heartbeat.hurry)
        self._worker_id = ""
        self._subscription: Subscription | None = None

    async def run(self) -> None:
        """From registration to the end of the drain. Raises what the control plane refuses for good."""
        with _signals() as (asked, asked_again):
            serving = asyncio.ensure_future(self._serve())
            try:
                await _first_of(serving, asked.wait())
                logs.info(Event.DRAIN_STARTED, jobs=len(self._desk.job_ids))
                drain = self._settings.drain_seconds
                await _first_of(
                    self._desk.close(within_seconds=drain, release_seconds=RELEASE_SECONDS), asked_again.wait()
                )
            finally:
                serving.cancel()
                await asyncio.wait({serving})
        if not serving.cancelled():
            serving.result()

    async def _serve(self) -> None:
        """Register and listen, for ever: a control plane that forgot this desk is told again."""
        for pid in await asyncio.to_thread(kill_leftovers, self._settings.data_dir / "jobs"):
            logs.warning(Event.CHILD_KILLED, pid=pid)
        claims = ClaimNote.load_all(self._settings.data_dir)
        leftovers = list(JobFolder.load_all(self._settings.data_dir))
        while True:
            answer = await self._register()
            self._subscription = self._subscription_of(answer)
            try:
                await self._recover(leftovers)
                while claims:
                    claim = claims.pop()
                    self._desk.ring(claim.project_id, claim.job_id, claim.kind, worker_id=self._worker_id)
                await self._subscription.listen(self._heartbeat)
            except Gone as error:
                logs.warning(Event.WORKER_FORGOTTEN, worker_id=self._worker_id, reason=str(error))
                await asyncio.sleep(SHORTEST_POLL_SECONDS)

    async def _register(self) -> WorkerAnswer:
        known = read_desk_state(self._settings.data_dir, self._settings.control_plane_url)
        body = RegisterWorker(
            worker_id=known.worker_id if known else None,
            name=self._settings.name,
            slots=self._settings.slots,
            kinds=[JobKind.RENDER],
            software_version=_software_version(),
            protocol_version=PROTOCOL_VERSION,
            capabilities=await asyncio.to_thread(_capabilities, self._tools.ffmpeg),
        )
        try:
            answer = await self._keep_registering(body)
        except Gone:
            if known is None:
                raise
            answer = await self._keep_registering(body.model_copy(update={"worker_id": None}))
        self._worker_id = answer.worker.worker_id
        state = DeskState(control_plane_url=self._settings.control_plane_url, worker_id=self._worker_id)
        write_desk_state(self._settings.data_dir, state)
        logs.info(Event.WORKER_REGISTERED, worker_id=self._worker_id, listens_by=answer.subscription.kind)
        return answer

    async def _keep_registering(self, body: RegisterWorker) -> WorkerAnswer:
        key = uuid.uuid4().hex
        return await retrying(
            lambda: self._control_plane.register_worker(body, idempotency_key=key), on_retry=logs.trouble
        )

    def _subscription_of(self, answer: WorkerAnswer) -> Subscription:
        if not isinstance(answer.subscription, PubSubSubscription):
            return PollSubscription(answer.heartbeat_seconds)
        # Imported where it is needed: Google's client costs half a second and 60 MB.
        from worker.subscriptions.pubsub import PubSubListener  # noqa: PLC0415

        return PubSubListener(
            answer.subscription,
            heartbeat_seconds=answer.heartbeat_seconds,
            ring=self._ring,
            get_credentials=partial(self._control_plane.create_credentials, self._worker_id),
        )

    async def _recover(self, leftovers: list[JobFolder]) -> None:
        """Ask which jobs of an earlier run are still ours; continue those, remove the others."""
        if not leftovers:
            return
        leases = [folder.state.held_lease(cancelling=False) for folder in leftovers]
        body = HeartbeatRequest(leases=leases, free_slots=0)
        answer = await retrying(lambda: self._control_plane.beat(self._worker_id, body), on_retry=logs.trouble)
        held = {verdict.job_id for verdict in answer.leases if verdict.held}
        while leftovers:
            folder = leftovers.pop()
            if folder.state.job_id in held:
                self._desk.resume(folder)
            else:
                logs.warning(Event.JOB_LOST, **folder.state.names())
                folder.delete()

    async def _beat(self, wait_seconds: float) -> bool:
        """One heartbeat; whether it brought a job."""
        body = HeartbeatRequest(
            leases=self._desk.held_leases(), free_slots=self._desk.free_slots, wait_seconds=wait_seconds
        )
        answer = await self._control_plane.beat(self._worker_id, body)
        self._desk.heed(answer)
        if self._subscription is not None:
            self._subscription.offered([job.job_id for job in answer.waiting])
        taken = [
            self._desk.offer(job.project_id, job.job_id, job.kind, worker_id=self._worker_id) for job in answer.waiting
        ]
        return any(taken)

    def _ring(self, doorbell: Doorbell) -> None:
        if doorbell.reason is DoorbellReason.CANCEL_REQUESTED:
            if doorbell.job_id in self._desk.job_ids:
                self._heartbeat.hurry()
        else:
            self._desk.ring(doorbell.project_id, doorbell.job_id, doorbell.kind, worker_id=self._worker_id)


@contextlib.contextmanager
def _sole_use(data_dir: Path) -> Iterator[None]:
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(data_dir / "daemon.lock")
        lock.acquire(timeout=0)
    except Timeout as error:
        raise DataDirError(
            f"another deskrun worker works in {data_dir}: stop that one, or choose another data folder"
        ) from error
    except OSError as error:
        raise DataDirError(f"{data_dir} cannot be used as data folder: {error.strerror}") from error
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _signals() -> Iterator[tuple[asyncio.Event, asyncio.Event]]:
    """Events for the first SIGTERM or SIGINT, and for the second."""
    loop = asyncio.get_running_loop()
    first, second = asyncio.Event(), asyncio.Event()

    def note() -> None:
        (second if first.is_set() else first).set()

    def on_signal(_number: int, _frame: object) -> None:
        loop.call_soon_threadsafe(note)

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield first, second
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def _first_of(*works: Awaitable[object]) -> None:
    """Wait for the first to end, and cancel those made here; futures passed in go on."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task, work in zip(tasks, works, strict=True):
            if task is not work:
                task.cancel()
                await asyncio.wait({task})


def _capabilities(ffmpeg: Ffmpeg) -> Capabilities:
    return Capabilities(
        cpu_count=psutil.cpu_count() or 1,
        memory_bytes=psutil.virtual_memory().total,
        encoders=[name for name, lack in working_encoders(ffmpeg).items() if lack is None],
    )


def _software_version() -> str:
    try:
        return metadata.version("deskrun")
    except metadata.PackageNotFoundError:  # run from a checkout
        return "source"
