"""The outbox: messages written in the same transaction as the change they tell of."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime

from pydantic import BaseModel

from functions.domain.jobs import JobRecord
from functions.domain.record import Record
from functions.domain.renders import RenderRecord
from schemas.events import Doorbell, DoorbellReason, RenderDispatch, Topic
from schemas.message import UtcTime
from schemas.renders import RenderExecutionMode

OUTBOX = "outbox"


class OutboxRecord(Record):
    """One message that is still to be published."""

    outbox_id: str
    topic: Topic
    data: str
    attributes: dict[str, str]
    created_at: UtcTime


def message(
    topic: Topic, body: BaseModel, *, now: datetime, attributes: Mapping[str, str] | None = None
) -> OutboxRecord:
    """A message to be put into the outbox."""
    return OutboxRecord(
        outbox_id=uuid.uuid4().hex,
        topic=topic,
        data=body.model_dump_json(),
        attributes=dict(attributes or {}),
        created_at=now,
    )


def doorbells(job: JobRecord, reason: DoorbellReason, *, now: datetime) -> Iterable[OutboxRecord]:
    """A doorbell for each person whose desks may care about ``job``."""
    bell = Doorbell(reason=reason, kind=job.kind, project_id=job.project_id, job_id=job.job_id)
    for pool in job.people:
        attributes = {"pool": pool, "reason": reason.value, "kind": job.kind.value}
        yield message(Topic.DOORBELLS, bell, now=now, attributes=attributes)


def offer(job: RenderRecord, *, now: datetime) -> list[OutboxRecord]:
    """What tells the world that ``job`` waits for somebody; nothing if it does not."""
    if job.status is not job.offered_as:
        return []
    if job.execution_mode is RenderExecutionMode.CLOUD:
        dispatch = RenderDispatch(project_id=job.project_id, job_id=job.job_id)
        return [message(Topic.RENDER_DISPATCH, dispatch, now=now)]
    return list(doorbells(job, DoorbellReason.JOB_QUEUED, now=now))
