"""A person with a project, over real HTTP: uploads media, saves timelines, asks for renders and looks at them."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from schemas.assets import AssetUploadRequest, CompleteAsset
from schemas.jobs import FINAL_STATUSES, JobStatus
from schemas.projects import CreateProject
from schemas.renders import CancelRender, RenderJob, RenderRequest
from tests.support.processes import TOKEN, wait_for
from worker.checksums import checksum_file
from worker.control_plane import ControlPlane
from worker.transfers import Transfers

ResultT = TypeVar("ResultT")

QUICK = {
    "name": "quick",
    "video": {"width": 160, "height": 90, "crf": 30, "preset": "ultrafast"},
    "audio": {"bitrate": "64k"},
}
"""Done in a moment."""
SLOW = {
    "name": "slow",
    "video": {"width": 1280, "height": 720, "crf": 12, "preset": "veryslow"},
    "audio": {"bitrate": "64k"},
}
"""With ``seconds`` in the hundreds still rendering whenever a test looks."""

BULKY = {
    "name": "bulky",
    "video": {"width": 1280, "height": 720, "crf": 1, "preset": "ultrafast"},
    "audio": {"bitrate": "64k"},
}
"""Five seconds are more than one chunk of an upload."""


class Studio:
    """One project of the one user of a local control plane."""

    asset_id: str
    """The asset most tests use."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.project_id = self._run(
            lambda plane: plane.create_project(CreateProject(name="test"), idempotency_key=_key())
        ).project_id

    def _run(self, call: Callable[[ControlPlane], Awaitable[ResultT]]) -> ResultT:
        async def main() -> ResultT:
            async with ControlPlane(self.url, lambda: TOKEN) as plane:
                return await call(plane)

        return asyncio.run(main())

    def add_asset(self, path: Path, content_type: str) -> str:
        """Upload a file; its asset id."""

        async def push(plane: ControlPlane) -> str:
            sums = checksum_file(path)
            request = AssetUploadRequest(
                filename=path.name, content_type=content_type, size_bytes=sums.size_bytes, crc32c=sums.crc32c
            )
            ticket = await plane.create_asset_upload(self.project_id, request, idempotency_key=_key())
            async with Transfers() as transfers:
                await transfers.upload(path, ticket)
            done = CompleteAsset(size_bytes=sums.size_bytes, crc32c=sums.crc32c, sha256=sums.sha256)
            return (await plane.complete_asset(self.project_id, ticket.asset_id, done)).asset.asset_id

        return self._run(push)

    def save_timeline(self, asset_id: str, *, seconds: float = 1) -> None:
        """A timeline of so many seconds of this asset, which is at least ten seconds long or repeated."""
        self._run(lambda plane: plane.save_timeline(self.project_id, timeline_of(asset_id, seconds)))

    def ask_for_render(self, preset: dict[str, Any] | None = None) -> str:
        """Create a render of the newest timeline; its job id."""
        request = RenderRequest.model_validate({"preset": preset or QUICK})
        return self._run(lambda plane: plane.create_render(self.project_id, request, idempotency_key=_key())).job.job_id

    def job(self, job_id: str) -> RenderJob:
        """The job as it is now."""
        return self._run(lambda plane: plane.get_render(self.project_id, job_id)).job

    def cancel(self, job_id: str) -> None:
        """Ask for the job to be stopped."""
        self._run(lambda plane: plane.cancel_render(self.project_id, job_id, CancelRender()))

    def wait_for_end(self, job_id: str) -> RenderJob:
        """The job once it is final."""

        def ended() -> RenderJob | None:
            job = self.job(job_id)
            return job if job.status in FINAL_STATUSES else None

        job: RenderJob = wait_for(f"the end of {job_id}", ended)
        return job

    def wait_for_status(self, job_id: str, status: JobStatus) -> RenderJob:
        """The job once it is in this state."""

        def there() -> RenderJob | None:
            job = self.job(job_id)
            return job if job.status is status else None

        job: RenderJob = wait_for(f"{job_id} to be {status}", there)
        return job

    def download_output(self, job_id: str, path: Path) -> Path:
        """The bytes that the control plane counts as the result."""

        async def pull(plane: ControlPlane) -> None:
            ticket = await plane.get_render_download(self.project_id, job_id)
            async with Transfers() as transfers:
                await transfers.download(ticket.url, path, limit_bytes=None)

        self._run(pull)
        return path


def timeline_of(asset_id: str, seconds: float) -> dict[str, Any]:
    """An OpenTimelineIO document at 30 frames a second: one track that repeats the asset's first ten seconds."""

    def time(frames: float) -> dict[str, Any]:
        return {"OTIO_SCHEMA": "RationalTime.1", "value": frames, "rate": 30}

    def clip(frames: int) -> dict[str, Any]:
        reference = {"OTIO_SCHEMA": "ExternalReference.1", "target_url": f"asset:{asset_id}"}
        return {
            "OTIO_SCHEMA": "Clip.2",
            "name": "clip",
            "source_range": {"OTIO_SCHEMA": "TimeRange.1", "start_time": time(0), "duration": time(frames)},
            "media_references": {"DEFAULT_MEDIA": reference},
            "active_media_reference_key": "DEFAULT_MEDIA",
        }

    frames = round(seconds * 30)
    clips = [clip(min(300, frames - start)) for start in range(0, frames, 300)]
    track = {"OTIO_SCHEMA": "Track.1", "kind": "Video", "children": clips}
    return {"OTIO_SCHEMA": "Timeline.1", "tracks": {"OTIO_SCHEMA": "Stack.1", "children": [track]}}


def _key() -> str:
    return uuid.uuid4().hex
