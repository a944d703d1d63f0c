"""POST /projects/{project_id}/render: a render job of a timeline version (seed 000). Called by people and agents.

Everything is checked before anything is written. Rings the doorbell, or asks for a Cloud Run execution in cloud mode.
"""

import json
import logging
from datetime import datetime

from functions.auth import User
from functions.domain import outbox, renders
from functions.domain.outbox import OutboxRecord
from functions.domain.projects import ProjectRecord
from functions.domain.renders import RENDERS, RenderRecord
from functions.endpoint import Deployment, endpoint
from functions.errors import InvalidRequest, NotFound
from functions.ports import Services, Transaction
from functions.render_sources import RenderSources, load_sources, write_manifest
from functions.request_body import RequestKey
from functions.store import already_created, announce, project_of, put_render
from schemas.errors import FieldError
from schemas.ids import ProjectId
from schemas.jobs import JobStatus
from schemas.presets import BUILT_IN_PRESETS, DRAFT_PREVIEW, STANDARD_EXPORT, RenderPreset
from schemas.renders import RenderAnswer, RenderExecutionMode, RenderJobType, RenderRequest

logger = logging.getLogger(__name__)


@endpoint("POST /projects/{project_id}/render", deployment=Deployment(timeout_seconds=120))
def create_render(
    project_id: ProjectId, body: RenderRequest, caller: User, request_key: RequestKey, services: Services
) -> RenderAnswer:
    """Create a render job."""
    project = project_of(services.documents, project_id, caller)
    if existing := already_created(services.documents, RENDERS, request_key, RenderRecord):
        return RenderAnswer(job=existing.view())
    mode = body.execution_mode or services.settings.render_execution_mode
    if mode is RenderExecutionMode.CLOUD:
        services.launcher.check()
    version = body.timeline_version or project.timeline_version
    if version == 0:
        raise NotFound("No timeline found for this project. Create a timeline first.")
    sources = load_sources(services, project_id, version)
    job = _new_job(project, body, request_key, caller, version=version, mode=mode, now=services.clock())

    def create(tx: Transaction) -> tuple[RenderRecord, list[OutboxRecord]]:
        people = project_of(tx, project_id, caller).people
        if existing := already_created(tx, RENDERS, request_key, RenderRecord):
            return existing, []
        offered = job.changed(people=people)
        return offered, put_render(tx, offered, outbox.offer(offered, now=job.created_at))

    created, messages = services.documents.transaction(create)
    if messages:  # else another call with the same key made the job, which may pin another version
        _write_manifest(services, created, sources)
    announce(services, messages)
    return RenderAnswer(job=created.view())


def _write_manifest(services: Services, job: RenderRecord, sources: RenderSources) -> None:
    """After the commit, because what is refused leaves nothing; ``get_manifest`` makes up for what goes wrong here."""
    try:
        write_manifest(services, job, sources)
    except Exception:
        # The commit stands: who was told of an error would ask for the same render once more.
        logger.exception("No manifest yet", extra={"event": "manifest_deferred", "job_id": job.job_id})


def _new_job(
    project: ProjectRecord,
    body: RenderRequest,
    request_key: RequestKey,
    caller: User,
    *,
    version: int,
    mode: RenderExecutionMode,
    now: datetime,
) -> RenderRecord:
    preset = _preset(body)
    actor = f"user:{caller.user_id}"
    offered_as = JobStatus.PENDING if mode is RenderExecutionMode.CLOUD else JobStatus.QUEUED
    return RenderRecord(
        job_id=request_key.new_id,
        project_id=project.project_id,
        people=project.people,
        status=offered_as,
        events=renders.first_events(now=now, actor=actor, offered_as=offered_as),
        job_type=body.job_type,
        execution_mode=mode,
        timeline_version=version,
        preset=preset,
        start_frame=body.start_frame,
        end_frame=body.end_frame,
        output_filename=renders.output_filename(
            body.output_filename, job_type=body.job_type, version=version, now=now, container=preset.video.container
        ),
        manifest_path=renders.manifest_path(project.project_id, request_key.new_id),
        metadata_json=json.dumps(body.metadata),
        created_by=actor,
        created_at=now,
        request_fingerprint=request_key.fingerprint,
    )


def _preset(body: RenderRequest) -> RenderPreset:
    if isinstance(body.preset, RenderPreset):
        return body.preset
    if body.preset is None:
        return DRAFT_PREVIEW if body.job_type is RenderJobType.PREVIEW else STANDARD_EXPORT
    if body.preset not in BUILT_IN_PRESETS:
        known = ", ".join(BUILT_IN_PRESETS)
        raise InvalidRequest(
            f"There is no preset {body.preset!r}. There are: {known}.",
            errors=[FieldError(pointer="/preset", message="unknown preset")],
        )
    return BUILT_IN_PRESETS[body.preset]
