"""The shapes of a timeline as read, in exact seconds: what ``timeline.py`` writes and the lowering reads."""

from dataclasses import dataclass, field
from fractions import Fraction

from schemas import timelines
from schemas.deskrun_extension import ClipExtension, StackExtension, TimelineExtension, TrackExtension
from worker.render.errors import Problem
from worker.render.extensions import EffectUse
from worker.render.sources import Source

_PLAIN_CLIP, _PLAIN_TRACK, _PLAIN_STACK = ClipExtension(), TrackExtension(), StackExtension()


@dataclass(frozen=True)
class ClipUse:
    """A clip's source and where in it the clip begins, in seconds.

    ``speed`` 0 holds that frame; a negative one plays the clip's part of the source backwards. ``offset`` is how many
    seconds of the clip lie before this use of it, where a loop makes several of it.
    """

    pointer: str
    source: Source
    media_start: Fraction
    speed: Fraction
    extension: ClipExtension = _PLAIN_CLIP
    effects: tuple[EffectUse, ...] = ()
    offset: Fraction = Fraction(0)


@dataclass(frozen=True)
class Element:
    """One thing on a track, from ``start`` to ``end``. None as content is a gap."""

    start: Fraction
    end: Fraction
    content: "ClipUse | Composite | None"


@dataclass(frozen=True)
class Dissolve:
    """A transition around the boundary before element ``index``, from ``start`` to ``end``.

    ``kind`` is xfade's name of it; without ``shows_before`` or ``shows_after`` that side is nothing.
    """

    index: int
    start: Fraction
    end: Fraction
    kind: str = "fade"
    shows_before: bool = True
    shows_after: bool = True


@dataclass(frozen=True)
class Lane:
    """One enabled track. Its own time ``begin`` is where its stack's begins."""

    is_video: bool
    elements: tuple[Element, ...]
    dissolves: tuple[Dissolve, ...]
    begin: Fraction
    duration: Fraction
    name: str = ""
    extension: TrackExtension = _PLAIN_TRACK
    marks: "tuple[Mark, ...]" = ()


@dataclass(frozen=True)
class Composite:
    """A stack: lanes from bottom to top, shown from ``begin`` for ``duration``."""

    lanes: tuple[Lane, ...]
    has_audio_tracks: bool
    begin: Fraction
    duration: Fraction
    extension: StackExtension = _PLAIN_STACK
    marks: "tuple[Mark, ...]" = ()


@dataclass(frozen=True)
class Mark:
    """A marker, in seconds of the time of the track or stack that it or its clip lies on."""

    at: Fraction
    name: str


@dataclass
class Reading:
    """A timeline as read. ``ignored`` lists what was left out or replaced without being an error."""

    document: timelines.Timeline
    root: Composite | None = None
    extension: TimelineExtension = field(default_factory=TimelineExtension)
    rate_hint: float | None = None
    problems: list[Problem] = field(default_factory=list)
    ignored: list[tuple[str, str]] = field(default_factory=list)
    replaced: set[str] = field(default_factory=set)
    """Which pointers of ``ignored`` were replaced by something like it."""
