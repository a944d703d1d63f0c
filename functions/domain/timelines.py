"""Timeline versions as stored, and what keeps a timeline from being rendered."""

from functions.domain.record import Created
from schemas.errors import FieldError
from schemas.timelines import Clip, Stack, Timeline, Track, asset_id_of

TIMELINES = "timelines"
MAX_NESTING = 16
MAX_CLIPS = 20_000


class TimelineRecord(Created):
    """An immutable version; its document is the object ``object_name``, for it may be larger than a record."""

    project_id: str
    version: int
    object_name: str
    sha256: str
    size_bytes: int
    clip_count: int


def record_id(project_id: str, version: int) -> str:
    """Document id of a version."""
    return f"{project_id}-{version}"


def object_name(project_id: str, sha256: str) -> str:
    """Object name of a document, by content: writing it twice is harmless."""
    return f"{project_id}/timelines/{sha256}.json"


def referenced_assets(timeline: Timeline) -> dict[str, list[str]]:
    """Asset ids in use, each with the JSON pointers of the clips and caption files that use it."""
    found: dict[str, list[str]] = {}
    for pointer, asset_id in timeline.assets():
        found.setdefault(asset_id, []).append(pointer)
    return found


def problems(timeline: Timeline) -> list[FieldError]:
    """What can be known to be unrenderable without its media. Empty when there is nothing to say."""
    if _depth(timeline.tracks) > MAX_NESTING:
        return [_error("/tracks", f"is nested deeper than {MAX_NESTING}")]
    if not timeline.tracks.children:
        return [_error("/tracks", "has no tracks")]
    clips = list(timeline.clips())
    if not clips:
        return [_error("/tracks", "has no clips")]
    if len(clips) > MAX_CLIPS:
        return [_error("/tracks", f"has {len(clips)} clips; the limit is {MAX_CLIPS}")]
    slates = _wants_slates(timeline)
    return [error for pointer, clip in clips if (error := _clip_error(pointer, clip, slates=slates))]


def _wants_slates(timeline: Timeline) -> bool:
    """Whether missing media is to be shown as a slate instead of being an error (schemas/deskrun_extension.py)."""
    ours = timeline.metadata.get("deskrun")
    return isinstance(ours, dict) and ours.get("missing_media") == "slate"


def _clip_error(pointer: str, clip: Clip, *, slates: bool) -> FieldError | None:
    reference = clip.active_reference
    if reference is None or reference.OTIO_SCHEMA.startswith("MissingReference."):
        return None if slates else _error(pointer, "has no media")
    if reference.OTIO_SCHEMA.startswith("ExternalReference.") and asset_id_of(reference) is None:
        return _error(pointer, "names no asset of this project")
    length = clip.source_range or reference.available_range
    if length is not None and length.duration.value <= 0:
        return _error(pointer, "has no length")
    return None


def _depth(node: Stack | Track) -> int:
    inner = [_depth(child) for child in node.children if isinstance(child, Stack | Track)]
    return 1 + max(inner, default=0)


def _error(pointer: str, message: str) -> FieldError:
    return FieldError(pointer=pointer, message=message)
