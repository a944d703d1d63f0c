"""PUT /projects/{project_id}/timeline: a new immutable version. Called by people and agents.

A draft may be incomplete: whether it can be rendered is judged when a render is asked for.
"""

import hashlib
import io
import json

from pydantic import ValidationError

from functions.auth import User
from functions.domain import timelines
from functions.domain.projects import PROJECTS
from functions.domain.timelines import TIMELINES, TimelineRecord
from functions.endpoint import endpoint
from functions.errors import InvalidTimeline, VersionConflict
from functions.ports import Services, Transaction
from functions.problems import body_errors
from functions.store import project_of
from schemas.ids import ProjectId
from schemas.timelines import MAX_TIMELINE_BYTES, SavedTimeline, SaveTimelineQuery, TimelineDocument


@endpoint("PUT /projects/{project_id}/timeline", max_body_bytes=MAX_TIMELINE_BYTES)
def save_timeline(
    project_id: ProjectId, query: SaveTimelineQuery, body: TimelineDocument, caller: User, services: Services
) -> SavedTimeline:
    """Save an OpenTimelineIO document as the project's newest timeline."""
    project_of(services.documents, project_id, caller)
    content, clip_count = _checked(body)
    digest = hashlib.sha256(content).hexdigest()
    name = timelines.object_name(project_id, digest)
    services.objects.write(name, io.BytesIO(content), content_type="application/json")

    def save(tx: Transaction) -> TimelineRecord:
        project = project_of(tx, project_id, caller)
        newest = project.timeline_version
        if query.expected_version not in {None, newest}:
            raise VersionConflict(f"The newest version is {newest}, not {query.expected_version}.")
        current = tx.get(TIMELINES, timelines.record_id(project_id, newest))
        if current is not None and current["sha256"] == digest:
            return TimelineRecord.load(current)
        now = services.clock()
        saved = TimelineRecord(
            project_id=project_id,
            version=newest + 1,
            object_name=name,
            sha256=digest,
            size_bytes=len(content),
            clip_count=clip_count,
            created_by=caller.user_id,
            created_at=now,
        )
        tx.put(TIMELINES, timelines.record_id(project_id, saved.version), saved.dump())
        tx.put(PROJECTS, project_id, project.changed(timeline_version=saved.version, updated_at=now).dump())
        return saved

    saved = services.documents.transaction(save)
    return SavedTimeline(timeline_version=saved.version, **saved.model_dump(exclude={"version"}))


def _checked(body: TimelineDocument) -> tuple[bytes, int]:
    try:
        timeline = body.timeline
    except ValidationError as error:
        raise InvalidTimeline("This is not an OpenTimelineIO timeline.", errors=body_errors(error, body.root)) from None
    try:
        text = json.dumps(body.root, separators=(",", ":"), sort_keys=True, ensure_ascii=False, allow_nan=False)
    except ValueError:
        raise InvalidTimeline("The timeline holds a number that JSON does not have (NaN or an infinity).") from None
    return text.encode(), sum(1 for _ in timeline.clips())
