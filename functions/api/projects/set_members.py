"""PUT /projects/{project_id}/members: who else belongs to it. Called by the owner.

Desks are offered the jobs of their people, so jobs that are still open get the same people.
"""

from functions.auth import User
from functions.domain import outbox
from functions.domain.outbox import OutboxRecord
from functions.domain.projects import PROJECTS, ProjectRecord, people
from functions.domain.renders import RENDERS, RenderRecord
from functions.endpoint import endpoint
from functions.ports import Services, Transaction, Where
from functions.store import announce, every, project_of, put_render
from schemas.ids import ProjectId
from schemas.jobs import FINAL_STATUSES, JobStatus
from schemas.projects import ProjectAnswer, SetMembers


@endpoint("PUT /projects/{project_id}/members")
def set_members(project_id: ProjectId, body: SetMembers, caller: User, services: Services) -> ProjectAnswer:
    """Replace the project's members."""

    def change(tx: Transaction) -> ProjectRecord:
        project = project_of(tx, project_id, caller).for_owner(caller.user_id)
        changed = project.changed(people=people(project.owner, body.members), updated_at=services.clock())
        tx.put(PROJECTS, project_id, changed.dump())
        return changed

    changed = services.documents.transaction(change)
    for status in set(JobStatus) - FINAL_STATUSES:
        here = Where("project_id", "==", project_id), Where("status", "==", status.value)
        for document in every(services.documents, RENDERS, *here):
            _tell_job(services, document["job_id"])
    return ProjectAnswer(**vars(changed.view()))


def _tell_job(services: Services, job_id: str) -> None:
    def change(tx: Transaction) -> list[OutboxRecord]:
        found = tx.get(RENDERS, job_id)
        project = tx.get(PROJECTS, found["project_id"]) if found else None
        if found is None or project is None:
            return []
        job = RenderRecord.load(found).changed(people=project["people"])
        messages = outbox.offer(job, now=services.clock()) if job.status is JobStatus.QUEUED else []
        return put_render(tx, job, messages)

    announce(services, services.documents.transaction(change))
