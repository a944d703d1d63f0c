"""A project has other people: its open jobs get them, too. Woken by ``members-changed``; safe to be woken twice.

Desks are found by the people of a job, so that one query answers a heartbeat.
"""

from functions.domain import outbox
from functions.domain.jobs import with_people
from functions.domain.outbox import OutboxRecord
from functions.domain.projects import PROJECTS
from functions.domain.renders import RENDERS, RenderRecord
from functions.endpoint import Deployment
from functions.ports import Document, Services, Transaction, Where
from functions.store import announce, every, put_outbox, put_render
from functions.trigger import on_message
from schemas.events import MembersChanged, Topic
from schemas.jobs import JobStatus
from schemas.renders import RenderExecutionMode

OPEN_STATUSES = (JobStatus.PENDING, JobStatus.QUEUED, JobStatus.PROCESSING, JobStatus.UPLOADING)
"""In the order in which jobs pass them, so that one that moves on meanwhile is met again."""


@on_message(Topic.MEMBERS_CHANGED, deployment=Deployment(timeout_seconds=540, concurrency=1))
def on_members_changed(message: MembersChanged, services: Services) -> None:
    """Offer open jobs to whom the project belongs now, and end the leases of others."""
    while project := services.documents.get(PROJECTS, message.project_id):
        open_jobs = _open_jobs(services, message.project_id)
        outdated = [document for document in open_jobs if document["people"] != project["people"]]
        if not outdated:
            _ring(services, open_jobs)
            return
        for document in outdated:
            _update(services, document["job_id"])


def _open_jobs(services: Services, project_id: str) -> list[Document]:
    here = Where("project_id", "==", project_id)
    return [
        document
        for status in OPEN_STATUSES
        for document in every(services.documents, RENDERS, here, Where("status", "==", status.value))
    ]


def _update(services: Services, job_id: str) -> None:
    def change(tx: Transaction) -> list[OutboxRecord]:
        found = tx.get(RENDERS, job_id)
        project = tx.get(PROJECTS, found["project_id"]) if found else None
        if found is None or project is None:
            return []
        return put_render(tx, with_people(RenderRecord.load(found), project["people"], now=services.clock()))

    services.documents.transaction(change)


def _ring(services: Services, open_jobs: list[Document]) -> None:
    """Ring once per person, however many jobs wait: whoever looks is told of all of them."""
    waiting = [job for job in map(RenderRecord.load, open_jobs) if job.status is JobStatus.QUEUED]
    job = next((job for job in waiting if job.execution_mode is RenderExecutionMode.LOCAL), None)
    if job is not None:
        bells = outbox.offer(job, now=services.clock())
        announce(services, services.documents.transaction(lambda tx: put_outbox(tx, bells)))
