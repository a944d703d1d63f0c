"""Messages on Pub/Sub topics. They carry ids only: a doorbell says "look", the store says what is true."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from schemas.ids import Identifier, JobId, ProjectId
from schemas.jobs import JobKind
from schemas.message import Response


class Topic(StrEnum):
    """Topics by role; the deployed name is the prefix ``deskrun-`` and the value."""

    DOORBELLS = "doorbells"
    """To desks: one subscription per worker, filtered by the ``pool`` attribute (a user id)."""
    RENDER_DISPATCH = "render-dispatch"
    """To the function that starts Cloud Run jobs."""
    PROJECT_DELETED = "project-deleted"
    """To the function that removes what a deleted project owned."""
    MEMBERS_CHANGED = "members-changed"
    """To the function that gives open jobs the people their project has now."""
    OBJECT_FINALIZED = "object-finalized"
    """Object events where there is no Eventarc: the local store, and Cloud Storage notifications on emulators."""
    DEAD_LETTERS = "dead-letters"
    """What the others could not deliver."""


class DoorbellReason(StrEnum):
    """Why a desk should look."""

    JOB_QUEUED = "job_queued"
    CANCEL_REQUESTED = "cancel_requested"


class Doorbell(Response):
    """On ``DOORBELLS``; attributes ``pool`` and ``reason`` repeat the routing facts."""

    reason: DoorbellReason
    kind: JobKind
    project_id: ProjectId
    job_id: JobId


class RenderDispatch(Response):
    """On ``RENDER_DISPATCH``: this cloud render waits in ``pending``."""

    kind: Literal["render_dispatch"] = "render_dispatch"
    project_id: ProjectId
    job_id: JobId


class ProjectDeleted(Response):
    """On ``PROJECT_DELETED``."""

    kind: Literal["project_deleted"] = "project_deleted"
    project_id: Identifier


class MembersChanged(Response):
    """On ``MEMBERS_CHANGED``."""

    kind: Literal["members_changed"] = "members_changed"
    project_id: Identifier


class StorageObject(Response):
    """An object that was written completely, with the field names of Cloud Storage's own event."""

    bucket: str
    name: str
    size: int
    crc32c: str
    content_type: str = Field(default="application/octet-stream", alias="contentType")
