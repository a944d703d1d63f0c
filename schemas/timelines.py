"""Timelines: OpenTimelineIO JSON, checked for structure and kept verbatim (seed-origins A2)."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, RootModel, Tag, TypeAdapter, ValidationError

from schemas.ids import AssetId
from schemas.message import Answer, Request, UtcTime

MAX_TIMELINE_BYTES = 8 * 1024 * 1024
_asset_id: TypeAdapter[str] = TypeAdapter(AssetId)


class OtioNode(BaseModel):
    """Base of the OTIO nodes: unknown fields are kept, for OTIO documents carry other tools' data."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)


class RationalTime(OtioNode):
    """``value`` frames at ``rate`` frames per second."""

    OTIO_SCHEMA: Literal["RationalTime.1"]
    value: float
    rate: float = Field(gt=0, le=1_000_000)

    @property
    def seconds(self) -> float:
        """The time in seconds."""
        return self.value / self.rate


class TimeRange(OtioNode):
    """Half-open: from ``start_time`` for ``duration``."""

    OTIO_SCHEMA: Literal["TimeRange.1"]
    start_time: RationalTime
    duration: RationalTime


class MediaReference(OtioNode):
    """Any media reference; which asset it means is told by ``asset_id_of``."""

    OTIO_SCHEMA: Annotated[str, Field(pattern=r"^[A-Za-z]+\.[0-9]+$")]
    available_range: TimeRange | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)


class Clip(OtioNode):
    """``Clip.1`` has one ``media_reference``; ``Clip.2`` a dictionary of them and the active key."""

    OTIO_SCHEMA: Literal["Clip.1", "Clip.2"]
    name: str | None = ""
    source_range: TimeRange | None = None
    media_reference: MediaReference | None = None
    media_references: dict[str, MediaReference] = Field(default_factory=dict)
    active_media_reference_key: str = "DEFAULT_MEDIA"

    @property
    def active_reference(self) -> MediaReference | None:
        """The media reference that a renderer uses."""
        return self.media_reference or self.media_references.get(self.active_media_reference_key)


class Gap(OtioNode):
    """Nothing, for a while."""

    OTIO_SCHEMA: Literal["Gap.1"]
    source_range: TimeRange | None = None


class Transition(OtioNode):
    """Sits between two items of a track and adds no duration: it needs handles on both sides."""

    OTIO_SCHEMA: Literal["Transition.1"]
    transition_type: str = "SMPTE_Dissolve"
    in_offset: RationalTime
    out_offset: RationalTime


def _kind(value: Any) -> str:
    schema = value.get("OTIO_SCHEMA") if isinstance(value, dict) else getattr(value, "OTIO_SCHEMA", None)
    return str(schema).partition(".")[0]


Item = Annotated[
    Annotated[Clip, Tag("Clip")]
    | Annotated[Gap, Tag("Gap")]
    | Annotated[Transition, Tag("Transition")]
    | Annotated["Stack", Tag("Stack")]
    | Annotated["Track", Tag("Track")],
    Discriminator(_kind),
]


class Track(OtioNode):
    """Items one after the other."""

    OTIO_SCHEMA: Literal["Track.1"]
    name: str | None = ""
    kind: str = "Video"
    source_range: TimeRange | None = None
    children: list[Item] = Field(default_factory=list)


class Stack(OtioNode):
    """Items on top of each other, the first at the bottom."""

    OTIO_SCHEMA: Literal["Stack.1"]
    name: str | None = ""
    source_range: TimeRange | None = None
    children: list[Item] = Field(default_factory=list)


class Timeline(OtioNode):
    """``Timeline.1``, the root of the document."""

    OTIO_SCHEMA: Literal["Timeline.1"]
    name: str | None = ""
    global_start_time: RationalTime | None = None
    tracks: Stack
    metadata: dict[str, Any] = Field(default_factory=dict)

    def clips(self) -> Iterator[tuple[str, Clip]]:
        """Every clip with its JSON pointer, in document order, nested ones included."""
        yield from _clips_below(self.tracks, "/tracks")

    def assets(self) -> Iterator[tuple[str, str]]:
        """JSON pointer and asset id of all that names one: the media of clips, the fonts of texts, caption files."""
        for pointer, clip in self.clips():
            reference = clip.active_reference
            if reference is not None:
                parameters = (reference.model_extra or {}).get("parameters")
                font = parameters.get("font_asset_id") if isinstance(parameters, dict) else None
                named = (asset_id_of(reference), _asset_id_or_none(font))
                yield from ((pointer, asset_id) for asset_id in named if asset_id is not None)
        ours = self.metadata.get("deskrun")
        captions = ours.get("captions") if isinstance(ours, dict) else None
        for index, file in enumerate(captions if isinstance(captions, list) else []):
            asset_id = _asset_id_or_none(file.get("asset_id") if isinstance(file, dict) else None)
            if asset_id is not None:
                yield f"/metadata/deskrun/captions/{index}", asset_id


def _clips_below(parent: Stack | Track, pointer: str) -> Iterator[tuple[str, Clip]]:
    for index, child in enumerate(parent.children):
        at = f"{pointer}/children/{index}"
        if isinstance(child, Clip):
            yield at, child
        elif isinstance(child, Stack | Track):
            yield from _clips_below(child, at)


def asset_id_of(reference: MediaReference) -> str | None:
    """The asset an ``ExternalReference`` names: ``asset_id``, ``metadata.deskrun.asset_id`` or ``asset:<id>``.

    None for any other reference, and for an external one that names a file, or what cannot be an asset's id.
    """
    if not reference.OTIO_SCHEMA.startswith("ExternalReference."):
        return None
    extra = reference.model_extra or {}
    ours = reference.metadata.get("deskrun")
    declared = extra.get("asset_id") or (ours.get("asset_id") if isinstance(ours, dict) else None)
    if not isinstance(declared, str):
        url = extra.get("target_url")
        declared = url.removeprefix("asset:") if isinstance(url, str) and url.startswith("asset:") else None
    return _asset_id_or_none(declared)


def _asset_id_or_none(value: Any) -> str | None:
    try:
        return _asset_id.validate_python(value)
    except ValidationError:
        return None


class TimelineDocument(RootModel[dict[str, Any]]):
    """``PUT /projects/{p}/timeline``: an OTIO document, checked for structure and kept as it came."""

    @property
    def timeline(self) -> Timeline:
        """The document parsed; ValidationError if its structure is not OTIO's."""
        return Timeline.model_validate(self.root)


class SaveTimelineQuery(Request):
    """Query of ``PUT /projects/{p}/timeline``: refuse to save unless this is the newest version (0 = none yet)."""

    expected_version: int | None = Field(default=None, ge=0)


class GetTimelineQuery(Request):
    """Query of ``GET /projects/{p}/timeline``: null for the newest."""

    version: int | None = Field(default=None, ge=1)


class SavedTimeline(Answer):
    """A saved version. Saving the same document again answers with the version it already has."""

    timeline_version: int
    sha256: str
    size_bytes: int
    clip_count: int
    created_by: str
    created_at: UtcTime


class TimelineAnswer(SavedTimeline):
    """A saved version with its document."""

    timeline: dict[str, Any]
