"""PUT /projects/{project_id}/members: who else belongs to it. Called by the owner.

Jobs that were created before keep the people they had; claiming one asks the project again.
"""

from functions.auth import User
from functions.domain.projects import PROJECTS, ProjectRecord, people
from functions.endpoint import endpoint
from functions.ports import Services, Transaction
from functions.store import project_of
from schemas.ids import ProjectId
from schemas.projects import ProjectAnswer, SetMembers


@endpoint("PUT /projects/{project_id}/members")
def set_members(project_id: ProjectId, body: SetMembers, caller: User, services: Services) -> ProjectAnswer:
    """Replace the project's members."""

    def change(tx: Transaction) -> ProjectRecord:
        project = project_of(tx, project_id, caller).for_owner(caller.user_id)
        changed = project.changed(people=people(project.owner, body.members), updated_at=services.clock())
        tx.put(PROJECTS, project_id, changed.dump())
        return changed

    return ProjectAnswer(**vars(services.documents.transaction(change).view()))
