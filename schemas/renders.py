"""Render jobs: request, manifest, progress reports and the job itself (seed 000, seed-origins A1)."""

from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, Field, StringConstraints, model_validator

from schemas.ids import AssetId, Crc32c, FileName, GcsPath, Identifier, JobId, ProjectId, Sha256, WorkerId
from schemas.jobs import JobEvent, JobStatus, LeaseGrant, LeaseView
from schemas.message import Answer, Notes, Page, Request, Response, UtcTime
from schemas.presets import RenderPreset

FrameNumber = Annotated[int, Field(ge=0, le=100_000_000)]
ErrorText = Annotated[str, StringConstraints(max_length=8000)]


class RenderJobType(StrEnum):
    """What a render is for; it chooses the default preset."""

    PREVIEW = "preview"
    EXPORT = "export"


class RenderExecutionMode(StrEnum):
    """Where a render runs: on a desk, or as a Cloud Run job."""

    LOCAL = "local"
    CLOUD = "cloud"


class _FrameRange(Request):
    start_frame: FrameNumber | None = None
    end_frame: FrameNumber | None = None
    """Frames at the output rate, half-open: ``end_frame`` is not rendered."""

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.end_frame is not None and self.end_frame <= (self.start_frame or 0):
            raise ValueError("end_frame must be greater than start_frame")
        return self


class RenderRequest(_FrameRange):
    """``POST /projects/{p}/render``. Everything has a default: ``{}`` exports the current timeline."""

    job_type: RenderJobType = RenderJobType.EXPORT
    timeline_version: int | None = Field(default=None, ge=1)
    preset: RenderPreset | str | None = None
    """A built-in preset's name, a preset of your own, or null for the job type's default."""
    output_filename: FileName | None = None
    execution_mode: RenderExecutionMode | None = None
    metadata: Notes = Field(default_factory=dict)
    """Yours, returned as given. Nothing in it ever sets a field of the server."""


class AssetIntegrity(Request):
    """What an asset's bytes must be: the server's reading of size and crc32c, and the uploader's sha256 if given."""

    size_bytes: int | None = Field(default=None, ge=0)
    crc32c: Crc32c | None = None
    sha256: Sha256 | None = None


class RenderManifest(_FrameRange):
    """All a renderer needs, offline. Written by the server for a job, or by hand for a local render.

    ``asset_map`` values are object paths (``{project_id}/assets/...`` or ``gs://...``) or absolute local paths.
    """

    schema_version: Literal[1] = 1
    job_id: Annotated[str, StringConstraints(pattern=r"^(local:)?[A-Za-z0-9_-]{1,64}$")]
    project_id: Identifier
    timeline_version: int = Field(default=1, ge=1)
    timeline: dict[str, Any] = Field(validation_alias=AliasChoices("timeline", "timeline_snapshot"))
    """OpenTimelineIO JSON (``Timeline.1``)."""
    asset_map: dict[AssetId, Annotated[str, StringConstraints(min_length=1, max_length=4096)]] = Field(
        default_factory=dict
    )
    asset_integrity: dict[AssetId, AssetIntegrity] = Field(default_factory=dict)
    preset: RenderPreset
    input_bucket: str = "local"
    output_bucket: str = "local"
    output_path: str
    output_filename: FileName
    execution_mode: RenderExecutionMode = RenderExecutionMode.LOCAL


class ManifestTicket(Answer):
    """``GET .../renders/{j}/manifest``: where to download the manifest."""

    manifest_url: str = Field(repr=False)
    manifest_path: str
    expires_in: int
    """Seconds."""


class ClaimRender(Request):
    """``POST .../renders/{j}/claim``, by a registered worker of the caller."""

    worker_id: WorkerId


ReportedStatus = Literal[
    JobStatus.PROCESSING, JobStatus.UPLOADING, JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED
]


class RenderProgress(Request):
    """``POST .../renders/{j}/webhook``: one report. Only ``job_id``, ``status`` and ``progress`` are always there.

    ``attempt`` is the fence: a daemon always sends it, a person following the guide never has to.
    ``released`` with status ``failed`` hands the lease back: the job is queued again, at no cost of an attempt.
    """

    job_id: JobId
    status: ReportedStatus
    progress: float = Field(ge=0, le=100)
    attempt: int | None = Field(default=None, ge=1)
    phase: Annotated[str, StringConstraints(max_length=40)] | None = None
    current_frame: FrameNumber | None = None
    total_frames: FrameNumber | None = None
    fps: float | None = Field(default=None, ge=0)
    eta_seconds: float | None = Field(default=None, ge=0)
    message: ErrorText | None = None
    error_code: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,64}$")] | None = None
    error_message: ErrorText | None = None
    output_url: GcsPath | None = None
    output_size_bytes: int | None = Field(default=None, ge=0)
    output_crc32c: Crc32c | None = None
    released: bool = False


class ReportAnswer(Answer):
    """The server's view after a report. ``cancel_requested`` tells the worker to stop and report ``cancelled``."""

    status: JobStatus
    cancel_requested: bool
    lease_expires_at: UtcTime | None


class CancelRender(Request):
    """``POST .../renders/{j}/cancel``."""

    reason: Annotated[str, StringConstraints(max_length=500)] | None = None


class RenderJob(Response):
    """A render job as its people see it."""

    job_id: JobId
    project_id: ProjectId
    job_type: RenderJobType
    status: JobStatus
    progress: float
    phase: str | None
    current_frame: int | None
    total_frames: int | None
    fps: float | None
    eta_seconds: float | None
    message: str | None
    attempt: int
    lease: LeaseView | None
    cancel_requested: bool
    timeline_version: int
    preset: RenderPreset
    start_frame: int | None
    end_frame: int | None
    output_filename: str
    output_path: str | None
    """Object name of the current attempt's output, once an upload URL was issued."""
    output_url: GcsPath | None
    output_size_bytes: int | None
    output_crc32c: str | None
    manifest_path: str
    execution_mode: RenderExecutionMode
    cloud_run_execution_id: str | None
    error_code: str | None
    error_message: str | None
    metadata: dict[str, Any]
    created_by: str
    created_at: UtcTime
    started_at: UtcTime | None
    completed_at: UtcTime | None
    events: list[JobEvent]


class RenderAnswer(Answer):
    """One render job."""

    job: RenderJob


class ClaimAnswer(Answer):
    """The job is the worker's until the lease expires."""

    job: RenderJob
    lease: LeaseGrant


class ListRenders(Page):
    """Query of ``GET /projects/{p}/renders``."""

    status: JobStatus | None = None


class RenderList(Answer):
    """A project's renders, newest first."""

    jobs: list[RenderJob]
    total: int
