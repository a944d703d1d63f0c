"""Render jobs as stored: what a report may change, and the names of their objects."""

import json
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from functions.domain import jobs
from functions.domain.jobs import JobRecord
from functions.errors import InvalidRequest
from schemas.errors import FieldError
from schemas.ids import MAX_FILE_NAME_LENGTH
from schemas.jobs import JobEvent, JobKind, JobStatus
from schemas.message import UtcTime
from schemas.presets import CONTENT_TYPES, OutputContainer, RenderPreset
from schemas.renders import RenderExecutionMode, RenderJob, RenderJobType, RenderProgress

RENDERS = "renders"
DISPATCH_SECONDS = 900
"""How long an execution may take to claim its job: Cloud Run waits for capacity, pulls the image and starts."""


class RenderRecord(JobRecord):
    """A render job. ``metadata_json`` is the client's own JSON, kept as text because Firestore cannot nest arrays."""

    kind: JobKind = JobKind.RENDER
    job_type: RenderJobType
    execution_mode: RenderExecutionMode
    timeline_version: int
    preset: RenderPreset
    start_frame: int | None
    end_frame: int | None
    output_filename: str
    manifest_path: str
    metadata_json: str = "{}"
    phase: str | None = None
    current_frame: int | None = None
    total_frames: int | None = None
    fps: float | None = None
    eta_seconds: float | None = None
    message: str | None = None
    output_path: str | None = None
    """Object name issued to the current attempt."""
    output_url: str | None = None
    output_size_bytes: int | None = None
    output_crc32c: str | None = None
    output_created_at: UtcTime | None = None
    """When the store got the bytes that counted."""
    cloud_run_execution_id: str | None = None
    claim_token_sha256: str | None = None
    """Lets the Cloud Run execution that was started for this job claim it."""

    @property
    def content_type(self) -> str:
        """Media type of the output."""
        return CONTENT_TYPES[self.preset.video.container]

    @property
    def offered_as(self) -> JobStatus:
        """The state in which the job waits for somebody to work on it."""
        return JobStatus.PENDING if self.execution_mode is RenderExecutionMode.CLOUD else JobStatus.QUEUED

    def requeued(self) -> "RenderRecord":
        """Without what belonged to the attempt that is over."""
        return (
            super()
            .requeued()
            .changed(
                phase=None,
                current_frame=None,
                total_frames=None,
                fps=None,
                eta_seconds=None,
                message=None,
                output_path=None,
                cloud_run_execution_id=None,
                claim_token_sha256=None,
            )
        )

    def view(self) -> RenderJob:
        """As its people see it."""
        stored = vars(self)
        shown = {name: stored[name] for name in _SHOWN_AS_STORED}
        # Validating takes a third of the time of constructing without.
        return RenderJob.model_validate(
            {**shown, "lease": self.lease_view(), "metadata": json.loads(self.metadata_json)}
        )


_SHOWN_AS_STORED = tuple(RenderJob.model_fields.keys() & RenderRecord.model_fields.keys() - {"lease"})


def manifest_path(project_id: str, job_id: str) -> str:
    """Object name of a job's manifest (seed 000)."""
    return f"{project_id}/manifests/{job_id}.json"


def output_prefix(job: RenderRecord) -> str:
    """What the names of all attempts' outputs start with: file names may repeat, jobs do not."""
    return f"{job.project_id}/renders/{_safe_stem(job.output_filename)}_{job.job_id}_"


def output_path(job: RenderRecord) -> str:
    """Object name of the current attempt's output: no two attempts can overwrite each other."""
    return f"{output_prefix(job)}{job.attempt}.{job.preset.video.container}"


def _safe_stem(file_name: str) -> str:
    stem = PurePosixPath(file_name).stem
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in stem)[:80]


def output_filename(
    requested: str | None, *, job_type: RenderJobType, version: int, now: datetime, container: OutputContainer
) -> str:
    """The output's file name: as asked for if its extension fits the container, else made from type, version, time."""
    if requested is None:
        return f"{job_type}_{version}_{now:%Y%m%d_%H%M%S}.{container}"
    suffix = PurePosixPath(requested).suffix.lower().removeprefix(".")
    if suffix in set(OutputContainer) and suffix != container:
        raise _bad_filename("The file name does not fit the preset.", f"ends in .{suffix}, not .{container}")
    name = requested if suffix == container else f"{requested}.{container}"
    if len(name) > MAX_FILE_NAME_LENGTH:
        raise _bad_filename("The file name is too long.", f"with .{container} it is over {MAX_FILE_NAME_LENGTH}")
    return name


def _bad_filename(detail: str, message: str) -> InvalidRequest:
    return InvalidRequest(detail, errors=[FieldError(pointer="/output_filename", message=message)])


def await_execution(job: RenderRecord, claim_token_sha256: str, *, now: datetime) -> RenderRecord:
    """Pending -> queued, for the one execution that has the token; IllegalState from any other state."""
    queued = jobs.move(job, JobStatus.QUEUED, now=now, actor="system")
    deadline = now + timedelta(seconds=DISPATCH_SECONDS)
    return queued.changed(claim_token_sha256=claim_token_sha256, lease_expires_at=deadline)


def apply_report(job: RenderRecord, report: RenderProgress, *, now: datetime) -> RenderRecord:
    """Apply a report of the job's holder (already identified). Repeats change nothing, illegal steps raise.

    ``completed`` only marks the state here; the caller has compared the object with the report before.
    """
    holder = job.lease.holder if job.lease else "system"
    if job.final:
        if report.status is job.status:
            return job
        return jobs.move(job, report.status, now=now, actor=holder)
    job = jobs.extend(job, now=now)
    if report.status is JobStatus.FAILED:
        return _given_up(job, report, now=now, actor=holder)
    if report.status is not job.status:
        job = jobs.move(job, report.status, now=now, actor=holder, detail=report.message)
    if not job.final:
        return _with_progress(job, report)
    progress = 100.0 if job.status is JobStatus.COMPLETED else job.progress
    return job.changed(progress=progress, phase=None, eta_seconds=None, fps=None, message=report.message)


def _given_up(job: RenderRecord, report: RenderProgress, *, now: datetime, actor: str) -> RenderRecord:
    if report.released:
        return jobs.release(job, now=now, actor=actor, detail=report.message or "released")
    code = report.error_code or "failed"
    return jobs.fail(job, code, report.error_message or report.message, now=now, actor=actor)


def _with_progress(job: RenderRecord, report: RenderProgress) -> RenderRecord:
    if report.progress < job.progress:
        return job
    return job.changed(
        progress=report.progress,
        phase=report.phase or job.phase,
        current_frame=report.current_frame if report.current_frame is not None else job.current_frame,
        total_frames=report.total_frames if report.total_frames is not None else job.total_frames,
        fps=report.fps,
        eta_seconds=report.eta_seconds,
        message=report.message,
    )


def first_events(*, now: datetime, actor: str, offered_as: JobStatus) -> list[JobEvent]:
    """The trail of a job that was just created."""
    created = JobEvent(at=now, actor=actor, attempt=0, from_status=None, to_status=JobStatus.PENDING)
    if offered_as is JobStatus.PENDING:
        return [created]
    return [
        created,
        JobEvent(at=now, actor="system", attempt=0, from_status=JobStatus.PENDING, to_status=JobStatus.QUEUED),
    ]
