"""The desk's only client of the control plane: one coroutine per endpoint, models of ``schemas`` in and out.

The daemon and the command line call it. Nothing is retried here: ``worker/retries.py`` decides that around a call.
Every failure is an error of ``worker/errors.py``; how one call is made stands in ``worker/calls.py``.
"""

from types import TracebackType
from typing import Any, Self

from schemas.assets import AssetAnswer, AssetList, AssetUploadRequest, AssetUploadTicket, CompleteAsset
from schemas.message import Deleted, Page
from schemas.outputs import OutputAnswer, OutputList, OutputUploadRequest, RegisterOutput
from schemas.presets import PresetList
from schemas.projects import CreateProject, ProjectAnswer, ProjectList, SetMembers
from schemas.renders import (
    CancelRender,
    ClaimAnswer,
    ClaimRender,
    ListRenders,
    ManifestTicket,
    RenderAnswer,
    RenderList,
    RenderProgress,
    RenderRequest,
    ReportAnswer,
)
from schemas.timelines import GetTimelineQuery, SavedTimeline, SaveTimelineQuery, TimelineAnswer
from schemas.uploads import DownloadTicket, UploadRequest, UploadTicket
from schemas.workers import CredentialsAnswer, Heartbeat, HeartbeatAnswer, RegisterWorker, WorkerAnswer, WorkerList
from worker.calls import ANSWER_SECONDS, Caller, TokenProvider

__all__ = ["ControlPlane", "TokenProvider"]

CLAIM_ANSWER_SECONDS = 10.0


class ControlPlane:
    """An open connection pool to one control plane. Use it as an asynchronous context manager, in one event loop."""

    def __init__(self, url: str, token_provider: TokenProvider) -> None:
        self.url = url
        self._caller = Caller(url, token_provider)
        self._call = self._caller.call

    @property
    def clock_ahead_seconds(self) -> float | None:
        """How far this machine's clock was ahead of the server's at the last answer; None before the first."""
        return self._caller.clock_ahead_seconds

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._caller.close()

    # Projects

    async def create_project(self, body: CreateProject, *, idempotency_key: str) -> ProjectAnswer:
        """``POST /projects``."""
        return await self._call(ProjectAnswer, "POST", "projects", body=body, idempotency_key=idempotency_key)

    async def list_projects(self, page: Page) -> ProjectList:
        """``GET /projects``."""
        return await self._call(ProjectList, "GET", "projects", query=page)

    async def get_project(self, project_id: str) -> ProjectAnswer:
        """``GET /projects/{p}``."""
        return await self._call(ProjectAnswer, "GET", "projects", project_id)

    async def set_members(self, project_id: str, body: SetMembers) -> ProjectAnswer:
        """``PUT /projects/{p}/members``."""
        return await self._call(ProjectAnswer, "PUT", "projects", project_id, "members", body=body)

    async def delete_project(self, project_id: str) -> Deleted:
        """``DELETE /projects/{p}``."""
        return await self._call(Deleted, "DELETE", "projects", project_id)

    # Timelines

    async def save_timeline(
        self, project_id: str, timeline: dict[str, Any], query: SaveTimelineQuery | None = None
    ) -> SavedTimeline:
        """``timeline`` is an OpenTimelineIO document (``Timeline.1``) as JSON."""
        return await self._call(SavedTimeline, "PUT", "projects", project_id, "timeline", body=timeline, query=query)

    async def get_timeline(self, project_id: str, query: GetTimelineQuery | None = None) -> TimelineAnswer:
        """``GET /projects/{p}/timeline``."""
        return await self._call(TimelineAnswer, "GET", "projects", project_id, "timeline", query=query)

    # Assets

    async def list_assets(self, project_id: str, page: Page) -> AssetList:
        """``GET /projects/{p}/assets``."""
        return await self._call(AssetList, "GET", "projects", project_id, "assets", query=page)

    async def create_asset_upload(
        self, project_id: str, body: AssetUploadRequest, *, idempotency_key: str
    ) -> AssetUploadTicket:
        """``POST /projects/{p}/assets/upload-url``."""
        return await self._call(
            AssetUploadTicket,
            "POST",
            "projects",
            project_id,
            "assets",
            "upload-url",
            body=body,
            idempotency_key=idempotency_key,
        )

    async def complete_asset(self, project_id: str, asset_id: str, body: CompleteAsset) -> AssetAnswer:
        """``POST /projects/{p}/assets/{a}/complete``."""
        return await self._call(AssetAnswer, "POST", "projects", project_id, "assets", asset_id, "complete", body=body)

    async def get_asset(self, project_id: str, asset_id: str) -> AssetAnswer:
        """``GET /projects/{p}/assets/{a}``."""
        return await self._call(AssetAnswer, "GET", "projects", project_id, "assets", asset_id)

    async def delete_asset(self, project_id: str, asset_id: str) -> Deleted:
        """``DELETE /projects/{p}/assets/{a}``."""
        return await self._call(Deleted, "DELETE", "projects", project_id, "assets", asset_id)

    async def get_asset_download(self, project_id: str, asset_id: str) -> DownloadTicket:
        """``GET /projects/{p}/assets/{a}/download``."""
        return await self._call(DownloadTicket, "GET", "projects", project_id, "assets", asset_id, "download")

    # Renders

    async def list_presets(self) -> PresetList:
        """``GET /render/presets``."""
        return await self._call(PresetList, "GET", "render", "presets")

    async def create_render(self, project_id: str, body: RenderRequest, *, idempotency_key: str) -> RenderAnswer:
        """``POST /projects/{p}/render``."""
        return await self._call(
            RenderAnswer, "POST", "projects", project_id, "render", body=body, idempotency_key=idempotency_key
        )

    async def list_renders(self, project_id: str, query: ListRenders) -> RenderList:
        """``GET /projects/{p}/renders``."""
        return await self._call(RenderList, "GET", "projects", project_id, "renders", query=query)

    async def get_render(self, project_id: str, job_id: str) -> RenderAnswer:
        """``GET /projects/{p}/renders/{j}``."""
        return await self._call(RenderAnswer, "GET", "projects", project_id, "renders", job_id)

    async def delete_render(self, project_id: str, job_id: str) -> Deleted:
        """``DELETE /projects/{p}/renders/{j}``."""
        return await self._call(Deleted, "DELETE", "projects", project_id, "renders", job_id)

    async def cancel_render(self, project_id: str, job_id: str, body: CancelRender) -> RenderAnswer:
        """``POST /projects/{p}/renders/{j}/cancel``."""
        return await self._call(RenderAnswer, "POST", "projects", project_id, "renders", job_id, "cancel", body=body)

    async def claim_render(self, project_id: str, job_id: str, body: ClaimRender) -> ClaimAnswer:
        """``POST /projects/{p}/renders/{j}/claim``; given up early, because the lease runs while nobody answers."""
        return await self._call(
            ClaimAnswer,
            "POST",
            "projects",
            project_id,
            "renders",
            job_id,
            "claim",
            body=body,
            answer_seconds=CLAIM_ANSWER_SECONDS,
        )

    async def get_render_manifest(
        self, project_id: str, job_id: str, *, lease_token: str | None = None
    ) -> ManifestTicket:
        """``GET /projects/{p}/renders/{j}/manifest``."""
        return await self._call(
            ManifestTicket, "GET", "projects", project_id, "renders", job_id, "manifest", lease_token=lease_token
        )

    async def create_render_upload(
        self, project_id: str, job_id: str, body: UploadRequest, *, lease_token: str | None = None
    ) -> UploadTicket:
        """``POST /projects/{p}/renders/{j}/upload-url``."""
        return await self._call(
            UploadTicket,
            "POST",
            "projects",
            project_id,
            "renders",
            job_id,
            "upload-url",
            body=body,
            lease_token=lease_token,
        )

    async def report_render(
        self, project_id: str, report: RenderProgress, *, lease_token: str | None = None
    ) -> ReportAnswer:
        """``POST /projects/{p}/renders/{j}/webhook``."""
        return await self._call(
            ReportAnswer,
            "POST",
            "projects",
            project_id,
            "renders",
            report.job_id,
            "webhook",
            body=report,
            lease_token=lease_token,
        )

    async def get_render_download(self, project_id: str, job_id: str) -> DownloadTicket:
        """``GET /projects/{p}/renders/{j}/download``."""
        return await self._call(DownloadTicket, "GET", "projects", project_id, "renders", job_id, "download")

    # Outputs

    async def create_output_upload(self, project_id: str, body: OutputUploadRequest) -> UploadTicket:
        """``POST /projects/{p}/outputs/upload-url``."""
        return await self._call(UploadTicket, "POST", "projects", project_id, "outputs", "upload-url", body=body)

    async def register_output(self, project_id: str, body: RegisterOutput) -> OutputAnswer:
        """``POST /projects/{p}/outputs``; the same ``gcs_path`` is the same output."""
        return await self._call(OutputAnswer, "POST", "projects", project_id, "outputs", body=body)

    async def list_outputs(self, project_id: str, page: Page) -> OutputList:
        """``GET /projects/{p}/outputs``."""
        return await self._call(OutputList, "GET", "projects", project_id, "outputs", query=page)

    async def get_output_download(self, project_id: str, video_id: str) -> DownloadTicket:
        """``GET /projects/{p}/outputs/{v}/download``."""
        return await self._call(DownloadTicket, "GET", "projects", project_id, "outputs", video_id, "download")

    # Workers

    async def register_worker(self, body: RegisterWorker, *, idempotency_key: str) -> WorkerAnswer:
        """``POST /workers``."""
        return await self._call(WorkerAnswer, "POST", "workers", body=body, idempotency_key=idempotency_key)

    async def list_workers(self, page: Page) -> WorkerList:
        """``GET /workers``."""
        return await self._call(WorkerList, "GET", "workers", query=page)

    async def beat(self, worker_id: str, body: Heartbeat) -> HeartbeatAnswer:
        """``POST /workers/{w}/heartbeat``; with ``body.wait_seconds`` the answer may take that much longer."""
        answer_seconds = ANSWER_SECONDS + body.wait_seconds
        return await self._call(
            HeartbeatAnswer, "POST", "workers", worker_id, "heartbeat", body=body, answer_seconds=answer_seconds
        )

    async def create_credentials(self, worker_id: str) -> CredentialsAnswer:
        """``POST /workers/{w}/credentials``."""
        return await self._call(CredentialsAnswer, "POST", "workers", worker_id, "credentials")

    async def retire_worker(self, worker_id: str) -> Deleted:
        """``DELETE /workers/{w}``."""
        return await self._call(Deleted, "DELETE", "workers", worker_id)
