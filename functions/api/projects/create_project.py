"""POST /projects: a new project, owned by the caller. Called by people and agents; honours Idempotency-Key."""

from functions.auth import User
from functions.domain.projects import PROJECTS, ProjectRecord, people
from functions.endpoint import endpoint
from functions.ports import Services, Transaction
from functions.request_body import RequestKey
from functions.store import already_created
from schemas.projects import CreateProject, ProjectAnswer


@endpoint("POST /projects", status=201)
def create_project(body: CreateProject, caller: User, request_key: RequestKey, services: Services) -> ProjectAnswer:
    """Create a project."""
    now = services.clock()
    project = ProjectRecord(
        project_id=request_key.new_id,
        name=body.name,
        owner=caller.user_id,
        people=people(caller.user_id, body.members),
        created_by=caller.user_id,
        created_at=now,
        updated_at=now,
        request_fingerprint=request_key.fingerprint,
    )

    def create(tx: Transaction) -> ProjectRecord:
        if existing := already_created(tx, PROJECTS, request_key, ProjectRecord):
            return existing
        tx.put(PROJECTS, project.project_id, project.dump())
        return project

    return ProjectAnswer(**vars(services.documents.transaction(create).view()))
