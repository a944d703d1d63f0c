"""GET /projects/{project_id}/timeline: one version, by default the newest. Called by people and agents."""

import json

from functions.auth import User
from functions.domain import timelines
from functions.domain.timelines import TIMELINES, TimelineRecord
from functions.endpoint import endpoint
from functions.errors import NotFound
from functions.ports import Services
from functions.store import project_of
from schemas.ids import ProjectId
from schemas.timelines import GetTimelineQuery, TimelineAnswer


@endpoint("GET /projects/{project_id}/timeline")
def get_timeline(project_id: ProjectId, query: GetTimelineQuery, caller: User, services: Services) -> TimelineAnswer:
    """Show a timeline version with its document."""
    project = project_of(services.documents, project_id, caller)
    version = query.version or project.timeline_version
    document = services.documents.get(TIMELINES, timelines.record_id(project_id, version))
    if document is None:
        raise NotFound("No timeline found for this project. Save a timeline first.")
    saved = TimelineRecord.load(document)
    with services.objects.open(saved.object_name) as stream:
        timeline = json.load(stream)
    return TimelineAnswer(timeline_version=saved.version, timeline=timeline, **saved.model_dump(exclude={"version"}))
