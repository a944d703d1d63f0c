"""PUT /projects/{project_id}/members: who else belongs to it. Called by the owner.

Announces ``members_changed``; ``on_members_changed`` tells the jobs that are still open.
"""

from functions.auth import User
from functions.domain import outbox
from functions.domain.outbox import OutboxRecord
from functions.domain.projects import PROJECTS, ProjectRecord, people
from functions.endpoint import endpoint
from functions.ports import Services, Transaction
from functions.store import announce, project_of, put_outbox
from schemas.events import MembersChanged, Topic
from schemas.ids import ProjectId
from schemas.projects import ProjectAnswer, SetMembers


@endpoint("PUT /projects/{project_id}/members")
def set_members(project_id: ProjectId, body: SetMembers, caller: User, services: Services) -> ProjectAnswer:
    """Replace the project's members."""
    now = services.clock()
    told = outbox.message(Topic.MEMBERS_CHANGED, MembersChanged(project_id=project_id), now=now)

    def change(tx: Transaction) -> tuple[ProjectRecord, list[OutboxRecord]]:
        project = project_of(tx, project_id, caller).for_owner(caller.user_id)
        changed = project.changed(people=people(project.owner, body.members), updated_at=now)
        tx.put(PROJECTS, project_id, changed.dump())
        return changed, put_outbox(tx, [told])

    changed, messages = services.documents.transaction(change)
    announce(services, messages)
    return ProjectAnswer(**vars(changed.view()))
