"""The shapes of a plan, in output frames: what the planner writes and the filter graphs read."""

from dataclasses import dataclass
from fractions import Fraction

from worker.render.probe import Media
from worker.render.sources import Source, Tone


@dataclass(frozen=True)
class Shot:
    """``frames`` frames of a clip from output frame ``start``; the first shows second ``media_start`` of the source."""

    source: Source
    start: int
    frames: int
    media_start: Fraction
    speed: Fraction


@dataclass(frozen=True)
class Cut:
    """``shot`` from output frame ``start`` to ``end``, half-open."""

    start: int
    end: int
    shot: Shot


@dataclass(frozen=True)
class Mix:
    """A dissolve from ``outgoing`` to ``incoming`` (None: nothing), output frames ``start`` to ``end``, half-open.

    The whole dissolve has ``length`` frames; a part-render may begin ``skipped`` frames into it.
    """

    start: int
    end: int
    outgoing: Shot | None
    incoming: Shot | None
    length: int
    skipped: int


@dataclass(frozen=True)
class Layer:
    """Spans without a gap between them. Outside its spans a layer is transparent."""

    spans: tuple[Cut | Mix, ...]

    @property
    def start(self) -> int:
        """First output frame."""
        return self.spans[0].start

    @property
    def end(self) -> int:
        """Output frame after the last."""
        return self.spans[-1].end


@dataclass(frozen=True)
class Sound:
    """The sound of one clip: ``length`` frames with fades at both ends, of which ``skipped`` and up are heard.

    Heard from output frame ``start`` to ``end``, half-open. ``media_start``, in seconds, is where ``length`` begins.
    """

    source: Media | Tone
    start: int
    end: int
    media_start: Fraction
    speed: Fraction
    length: int
    skipped: int
    fade_in: int
    fade_out: int


def shots_of(span: Cut | Mix) -> tuple[Shot, ...]:
    """The shots a span shows, the outgoing first."""
    if isinstance(span, Cut):
        return (span.shot,)
    return tuple(shot for shot in (span.outgoing, span.incoming) if shot is not None)
