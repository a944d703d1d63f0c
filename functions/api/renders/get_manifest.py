"""GET /projects/{project_id}/renders/{job_id}/manifest: a signed URL of the manifest (seed 000). Called by desks.

A manifest is made of what its job pins, so one that is missing is made again.
"""

from functions.auth import JobCaller
from functions.endpoint import endpoint
from functions.ports import Services
from functions.render_sources import load_sources, write_manifest
from functions.store import render_of_caller
from functions.uploads import issue_download
from schemas.ids import JobId, ProjectId
from schemas.renders import ManifestTicket


@endpoint("GET /projects/{project_id}/renders/{job_id}/manifest")
def get_manifest(project_id: ProjectId, job_id: JobId, caller: JobCaller, services: Services) -> ManifestTicket:
    """Issue a signed URL to download a job's manifest."""
    job = render_of_caller(services.documents, project_id, job_id, caller)
    if services.objects.stat(job.manifest_path) is None:
        write_manifest(services, job, load_sources(services, project_id, job.timeline_version))
    ticket = issue_download(services, job.manifest_path, f"{job_id}.json")
    return ManifestTicket(manifest_url=ticket.url, manifest_path=job.manifest_path, expires_in=ticket.expires_in)
