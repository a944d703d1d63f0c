"""A job from now to its end, as a stream of what is new. Used by ``jobs watch`` and ``demo``."""

import asyncio
from collections.abc import AsyncIterator

from schemas.jobs import FINAL_STATUSES, JobStatus
from schemas.renders import RenderJob
from worker.asset_push import PATIENCE_SECONDS
from worker.cli.terminal import seconds_text
from worker.control_plane import ControlPlane
from worker.retries import retrying

POLL_SECONDS = 0.2


async def job_news(client: ControlPlane, project_id: str, job_id: str) -> AsyncIterator[RenderJob]:
    """The job now, then whenever it changed, last in a final state."""
    seen: RenderJob | None = None
    while seen is None or seen.status not in FINAL_STATUSES:
        if seen is not None:
            await asyncio.sleep(POLL_SECONDS)
        answer = await retrying(lambda: client.get_render(project_id, job_id), within_seconds=PATIENCE_SECONDS)
        if answer.job != seen:
            seen = answer.job
            yield seen


def progress_text(job: RenderJob) -> str:
    """``rendering, frame 120 of 240, 98 fps, 1.2 s left``."""
    if job.status is not JobStatus.PROCESSING:
        return job.status.value
    parts = [job.phase or job.status.value]
    if job.current_frame is not None and job.total_frames:
        parts.append(f"frame {job.current_frame} of {job.total_frames}")
    if job.fps:
        parts.append(f"{job.fps:.0f} fps")
    if job.eta_seconds is not None:
        parts.append(f"{seconds_text(job.eta_seconds)} left")
    return ", ".join(parts)
