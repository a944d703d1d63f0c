"""The shapes of a plan, in output frames: what the planner writes and the filter graphs read."""

from dataclasses import dataclass, replace
from fractions import Fraction

from worker.render.curves import HALF, ONE, ZERO, Curve, shifted
from worker.render.probe import Media
from worker.render.sources import Source, Tone

ParameterValue = str | float | bool | Curve


@dataclass(frozen=True)
class Effect:
    """A picture effect by its name in the registry of ``features``, with its checked parameters."""

    name: str
    parameters: tuple[tuple[str, ParameterValue], ...]


@dataclass(frozen=True)
class Motion:
    """Puts ``anchor`` of a picture at ``x``, ``y`` of the canvas, scaled and turned clockwise.

    ``moves`` and ``peak_scale`` tell of the whole clip, not of an excerpt: they choose the way it is drawn.
    """

    x: Curve = HALF
    y: Curve = HALF
    scale: Curve = ONE
    rotation_degrees: Curve = ZERO
    anchor: tuple[float, float] = (0.5, 0.5)
    moves: bool = False
    peak_scale: float = 1

    def during(self, skipped: int, frames: int) -> "Motion":
        """The motion as ``frames`` frames after the first ``skipped`` see it."""
        if not self.moves:
            return self
        return replace(
            self,
            x=shifted(self.x, skipped, frames),
            y=shifted(self.y, skipped, frames),
            scale=shifted(self.scale, skipped, frames),
            rotation_degrees=shifted(self.rotation_degrees, skipped, frames),
        )


@dataclass(frozen=True)
class Look:
    """How a clip's picture is shown. ``crop`` is left, top, right, bottom as shares of the source.

    ``fades`` tells whether the opacity of the whole clip changes, not only that of an excerpt.
    """

    fit: str = "contain"
    crop: tuple[float, float, float, float] = (0, 0, 0, 0)
    motion: Motion = Motion()
    opacity: Curve = ONE
    fades: bool = False
    effects: tuple[Effect, ...] = ()

    def during(self, skipped: int, frames: int) -> "Look":
        """The look as ``frames`` frames after the first ``skipped`` see it."""
        effects = tuple(
            replace(
                effect,
                parameters=tuple(
                    (name, shifted(value, skipped, frames) if isinstance(value, tuple) else value)
                    for name, value in effect.parameters
                ),
            )
            for effect in self.effects
        )
        return replace(
            self,
            motion=self.motion.during(skipped, frames),
            opacity=shifted(self.opacity, skipped, frames),
            effects=effects,
        )


@dataclass(frozen=True)
class Shot:
    """``frames`` frames of a clip from output frame ``start``; the first shows second ``media_start`` of the source.

    ``speed`` is 0 for a held frame and negative for a reversed clip.
    """

    source: Source
    start: int
    frames: int
    media_start: Fraction
    speed: Fraction
    look: Look = Look()


@dataclass(frozen=True)
class Cut:
    """``shot`` from output frame ``start`` to ``end``, half-open."""

    start: int
    end: int
    shot: Shot


@dataclass(frozen=True)
class Mix:
    """A transition from ``outgoing`` to ``incoming`` (None: nothing), output frames ``start`` to ``end``, half-open.

    ``kind`` is a name of ffmpeg's xfade. The whole has ``length`` frames; a part may begin ``skipped`` frames into it.
    """

    start: int
    end: int
    outgoing: Shot | None
    incoming: Shot | None
    length: int
    skipped: int
    kind: str = "fade"


@dataclass(frozen=True)
class Layer:
    """Spans without a gap between them. Outside its spans a layer is transparent.

    ``outer`` are the motions of the stacks that it is nested in, the innermost first; they count from ``start``.
    """

    spans: tuple[Cut | Mix, ...]
    blend: str = "normal"
    outer: tuple[Motion, ...] = ()

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
    Curves count frames of ``length``.
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
    gain_db: Curve = ZERO
    pan: Curve = ZERO
    loop: bool = False
    track: int = 0
    """Index into ``Plan.mixer``."""


@dataclass(frozen=True)
class Duck:
    """Lowers a track by ``amount_db`` while the tracks ``by`` (indexes into ``Plan.mixer``) exceed the threshold."""

    by: tuple[int, ...]
    amount_db: float
    threshold_db: float
    attack_seconds: float
    release_seconds: float


@dataclass(frozen=True)
class Channel:
    """How one track joins the mix."""

    gain_db: float = 0
    duck: Duck | None = None


@dataclass(frozen=True)
class Loudness:
    """EBU R 128: integrated loudness, highest true peak in dBTP, loudness range."""

    target_lufs: float
    true_peak_db: float
    range_lu: float


@dataclass(frozen=True)
class Chapter:
    """From output frame ``start`` to the next chapter's."""

    start: int
    name: str


@dataclass(frozen=True)
class Subtitles:
    """A stream of captions to mux: ``srt`` is a whole SRT file, ``language`` an ISO 639-2 code."""

    language: str
    srt: str


def shots_of(span: Cut | Mix) -> tuple[Shot, ...]:
    """The shots a span shows, the outgoing first."""
    if isinstance(span, Cut):
        return (span.shot,)
    return tuple(shot for shot in (span.outgoing, span.incoming) if shot is not None)
