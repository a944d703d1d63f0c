"""What a desk does for a render job: fetch, render, upload. ``worker/job_runner.py`` runs it, and tells the end.

The phase on disk says what to do next, so a restart enters where the last run of the daemon left.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from schemas.jobs import JobStatus
from schemas.presets import CONTENT_TYPES, OutputContainer
from schemas.renders import RenderManifest, RenderProgress
from schemas.uploads import UploadRequest, UploadTicket
from worker import logs
from worker.assets.resolve import AssetResolver
from worker.checksums import checksum_file
from worker.control_plane import ControlPlane
from worker.errors import ControlPlaneError, TicketExpired
from worker.logs import Event
from worker.progress import FETCHED_PERCENT, RENDERED_PERCENT, UPLOADED_PERCENT, within
from worker.render.cache import SegmentCache
from worker.render.engine import RenderUpdate, render
from worker.render.ffmpeg import Ffmpeg
from worker.retries import retrying
from worker.state_file import JobFolder, JobPhase, RenderedOutput
from worker.transfers import RESUMABLE_BYTES, TooManyBytes, Transfers

MOST_TICKETS = 5
"""URLs the store refuses in a row before the job fails; with a clock far off it would never end otherwise."""
MANIFEST_BYTES = 16 * 1024 * 1024

ResultT = TypeVar("ResultT")


class JobFailedError(Exception):
    """The job cannot be done; ``code`` is its ``error_code``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Tools:
    """What every job of a daemon works with."""

    control_plane: ControlPlane
    transfers: Transfers
    assets: AssetResolver
    ffmpeg: Ffmpeg
    render_threads: int | None
    pieces: SegmentCache


class RenderWork:
    """One attempt at one render.

    ``tell`` takes every progress report, and drops what is too much; ``deliver`` returns once the server has answered.
    """

    def __init__(
        self,
        folder: JobFolder,
        tools: Tools,
        *,
        tell: Callable[[RenderProgress], None],
        deliver: Callable[[RenderProgress], Awaitable[object]],
    ) -> None:
        self._folder = folder
        self._tools = tools
        self._tell_report = tell
        self._deliver = deliver

    async def make(self) -> RenderProgress:
        """Do what is left to do; the final report, for when the server has to look at the object.

        Raises JobFailedError, RenderError, AssetRefusedError, AssetCorruptError, OSError for the disk, and errors of
        the control plane in which trying again changes nothing.
        """
        if self._folder.state.phase is not JobPhase.UPLOADING or not await self._output_is_intact():
            await self._fetch_and_render()
        return await self._upload()

    async def _fetch_and_render(self) -> None:
        self._enter(JobPhase.FETCHING, output=None, upload=None)
        self._tell(JobStatus.PROCESSING, 0)
        manifest = await self._get_manifest()
        with self._tools.assets.cache.hold(manifest.asset_map):
            local = await self._tools.assets.resolve(manifest, self._folder.path, on_done=self._on_asset)
            self._enter(JobPhase.RENDERING)
            await self._render(local)

    async def _get_manifest(self) -> RenderManifest:
        """As downloaded, or kept from before a restart."""
        path = self._folder.path / "manifest.json"
        manifest = _read_manifest(path)
        for _ in range(MOST_TICKETS):
            if manifest is not None:
                return manifest
            ticket = await self._keep_trying(
                lambda: self._tools.control_plane.get_render_manifest(*self._job, lease_token=self._lease_token)
            )
            path.unlink(missing_ok=True)
            fetch = partial(self._tools.transfers.download, ticket.manifest_url, path, limit_bytes=MANIFEST_BYTES)
            try:
                await self._keep_trying(fetch)
            except TicketExpired:
                continue
            except TooManyBytes as error:
                raise JobFailedError("bad_manifest", f"the manifest is over {MANIFEST_BYTES} bytes") from error
            try:
                manifest = RenderManifest.model_validate_json(path.read_bytes())
            except ValidationError as error:
                raise JobFailedError("bad_manifest", f"the manifest is not one of this version: {error}") from error
        raise JobFailedError("manifest_missing", f"{MOST_TICKETS} URLs of the manifest were refused by the store")

    async def _render(self, manifest: RenderManifest) -> None:
        output = self._folder.path / f"output.{manifest.preset.video.container}"
        result = await render(
            manifest,
            output=output,
            roots=self._tools.assets.roots,
            ffmpeg=self._tools.ffmpeg,
            on_update=self._on_render,
            threads=self._tools.render_threads,
            cache=self._tools.pieces,
        )
        rendered = RenderedOutput(file_name=output.name, size_bytes=result.size_bytes, crc32c=result.crc32c)
        self._enter(JobPhase.UPLOADING, output=rendered, was_uploading=True)

    def _on_asset(self, done: int, total: int) -> None:
        self._tell(JobStatus.PROCESSING, within(0, FETCHED_PERCENT, done, total))

    def _on_render(self, update: RenderUpdate) -> None:
        self._tell(
            JobStatus.PROCESSING,
            within(FETCHED_PERCENT, RENDERED_PERCENT, update.frames_done, update.frames_total),
            phase=update.phase,
            current_frame=update.frames_done,
            total_frames=update.frames_total,
            fps=update.fps,
            eta_seconds=update.eta_seconds,
        )

    async def _upload(self) -> RenderProgress:
        output = self._output
        path = self._folder.path / output.file_name
        await self._deliver(self._report(JobStatus.UPLOADING, RENDERED_PERCENT))

        def on_bytes(count: int) -> None:
            self._tell(JobStatus.UPLOADING, within(RENDERED_PERCENT, UPLOADED_PERCENT, count, output.size_bytes))

        for _ in range(MOST_TICKETS):
            ticket = self._folder.state.upload or await self._get_upload_ticket(output)
            try:
                await self._tools.transfers.upload(path, ticket, on_bytes=on_bytes)
            except TicketExpired as error:
                logs.warning(Event.UPLOAD_RESTARTED, **self._folder.state.names(), reason=str(error))
                self._folder.save(upload=None)
                continue
            return self._folder.state.report(
                JobStatus.COMPLETED,
                100,
                output_url=ticket.gcs_path,
                output_size_bytes=output.size_bytes,
                output_crc32c=output.crc32c,
            )
        raise JobFailedError("upload_failed", f"{MOST_TICKETS} upload URLs were refused by the store")

    async def _get_upload_ticket(self, output: RenderedOutput) -> UploadTicket:
        request = UploadRequest(
            filename=output.file_name,
            content_type=CONTENT_TYPES[OutputContainer(Path(output.file_name).suffix.removeprefix("."))],
            size_bytes=output.size_bytes,
            crc32c=output.crc32c,
            resumable=output.size_bytes > RESUMABLE_BYTES,
        )
        ticket = await self._keep_trying(
            lambda: self._tools.control_plane.create_render_upload(*self._job, request, lease_token=self._lease_token)
        )
        self._folder.save(upload=ticket)
        return ticket

    async def _output_is_intact(self) -> bool:
        """Whether what we call rendered still is it: after a restart, or an upload that the server refused."""
        path = self._folder.path / self._output.file_name
        try:
            found = await asyncio.to_thread(checksum_file, path)
        except OSError:
            return False
        return (found.size_bytes, found.crc32c) == (self._output.size_bytes, self._output.crc32c)

    @property
    def _output(self) -> RenderedOutput:
        """What the phase uploading always has."""
        if self._folder.state.output is None:
            raise RuntimeError("uploading, but no output")
        return self._folder.state.output

    @property
    def _job(self) -> tuple[str, str]:
        return self._folder.state.project_id, self._folder.state.job_id

    @property
    def _lease_token(self) -> str:
        return self._folder.state.lease_token

    def _enter(self, phase: JobPhase, **changes: object) -> None:
        self._folder.save(phase=phase, **changes)
        logs.info(Event.JOB_PHASE, **self._folder.state.names(), phase=phase)

    def _report(self, status: JobStatus, progress: float, **facts: Any) -> RenderProgress:
        if self._folder.state.was_uploading and status is JobStatus.PROCESSING:
            status = JobStatus.UPLOADING  # it is rendered once more, but the server takes no step back
        return self._folder.state.report(status, progress, **{"phase": self._folder.state.phase, **facts})

    def _tell(self, status: JobStatus, progress: float, **facts: Any) -> None:
        self._tell_report(self._report(status, progress, **facts))

    async def _keep_trying(self, call: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """For ever: if the lease ends meanwhile, the heartbeat learns it and stops this work."""

        def on_retry(error: ControlPlaneError, wait_seconds: float) -> None:
            logs.trouble(error, wait_seconds, **self._folder.state.names())

        return await retrying(call, on_retry=on_retry)


def _read_manifest(path: Path) -> RenderManifest | None:
    try:
        return RenderManifest.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
