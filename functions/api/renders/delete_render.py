"""DELETE /projects/{project_id}/renders/{job_id}: record, manifest and outputs. Called by people."""

from functions.auth import User
from functions.domain.jobs import LEASED_STATUSES
from functions.domain.renders import RENDERS, RenderRecord, output_prefix
from functions.endpoint import endpoint
from functions.errors import IllegalState
from functions.ports import Services, Transaction
from functions.store import render_for
from schemas.ids import JobId, ProjectId
from schemas.message import Deleted


@endpoint("DELETE /projects/{project_id}/renders/{job_id}")
def delete_render(project_id: ProjectId, job_id: JobId, caller: User, services: Services) -> Deleted:
    """Delete a render job that nobody works on."""

    def delete(tx: Transaction) -> RenderRecord:
        job = render_for(tx, project_id, job_id, caller)
        if job.status in LEASED_STATUSES:
            raise IllegalState(f"The job is {job.status}: cancel it first.")
        tx.delete(RENDERS, job_id)
        return job

    job = services.documents.transaction(delete)
    if job.cloud_run_execution_id is not None and not job.final:
        services.launcher.cancel(job.cloud_run_execution_id)
    services.objects.delete(job.manifest_path)
    services.objects.delete_prefix(output_prefix(job))
    return Deleted()
