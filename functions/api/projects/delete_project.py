"""DELETE /projects/{project_id}: gone at once, its contents follow. Called by the owner.

Announces ``project_deleted``; ``on_project_deleted`` removes what it owned. Workers learn of it from their heartbeat.
"""

from functions.auth import User
from functions.domain import outbox
from functions.domain.outbox import OutboxRecord
from functions.domain.projects import PROJECTS
from functions.endpoint import endpoint
from functions.ports import Services, Transaction
from functions.store import announce, project_of, put_outbox
from schemas.events import ProjectDeleted, Topic
from schemas.ids import ProjectId
from schemas.message import Deleted


@endpoint("DELETE /projects/{project_id}")
def delete_project(project_id: ProjectId, caller: User, services: Services) -> Deleted:
    """Delete a project with everything in it."""
    deleted = outbox.message(Topic.PROJECT_DELETED, ProjectDeleted(project_id=project_id), now=services.clock())

    def delete(tx: Transaction) -> list[OutboxRecord]:
        project_of(tx, project_id, caller).for_owner(caller.user_id)
        tx.delete(PROJECTS, project_id)
        return put_outbox(tx, [deleted])

    announce(services, services.documents.transaction(delete))
    return Deleted()
