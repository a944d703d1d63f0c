"""What OTIO has no words for: the extension under ``metadata.deskrun`` of clips, tracks, transitions and timelines.

Unknown fields are errors. Times are seconds, places and sizes are fractions of the canvas unless a unit is named.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from schemas.ids import AssetId
from schemas.message import Request

Bezier = tuple[
    Annotated[float, Field(ge=0, le=1)],
    Annotated[float, Field(ge=-4, le=4)],
    Annotated[float, Field(ge=0, le=1)],
    Annotated[float, Field(ge=-4, le=4)],
]
Ease = Literal["hold", "linear", "ease-in", "ease-out", "ease-in-out"] | Bezier
"""How a value goes on from its key to the next; four numbers are a cubic Bézier curve as CSS writes it."""

Fit = Literal["contain", "cover", "stretch", "none"]
Blend = Literal["normal", "multiply", "screen", "overlay", "darken", "lighten", "addition", "difference", "softlight"]
HexColor = Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}([0-9a-fA-F]{2})?$")]
Align = Literal["left", "center", "right"]
VerticalAlign = Literal["top", "middle", "bottom"]


class Keyframe(Request):
    """``v`` at ``t`` seconds after the clip's start, and how it goes on from there."""

    t: float = Field(ge=0, le=86_400)
    v: float
    ease: Ease = "linear"


class Keyframes(Request):
    """A value that changes: constant before the first key and after the last."""

    keyframes: Annotated[tuple[Keyframe, ...], Field(min_length=1, max_length=500)]

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if any(after.t <= before.t for before, after in pairwise(self.keyframes)):
            raise ValueError("keyframes must be in order of time, and no two at once")
        return self


def within(low: float, high: float) -> Callable[[float | Keyframes], float | Keyframes]:
    """A validator of the number, or of every key's."""

    def check(value: float | Keyframes) -> float | Keyframes:
        numbers = [key.v for key in value.keyframes] if isinstance(value, Keyframes) else [value]
        if not all(low <= number <= high for number in numbers):
            raise ValueError(f"must be from {low:g} to {high:g}")
        return value

    return check


Place = Annotated[float | Keyframes, AfterValidator(within(-10, 10))]
Scale = Annotated[float | Keyframes, AfterValidator(within(0.001, 20))]
Degrees = Annotated[float | Keyframes, AfterValidator(within(-36_000, 36_000))]
Share = Annotated[float | Keyframes, AfterValidator(within(0, 1))]
Decibels = Annotated[float | Keyframes, AfterValidator(within(-96, 24))]
Pan = Annotated[float | Keyframes, AfterValidator(within(-1, 1))]
Seconds = Annotated[float, Field(ge=0, le=3600)]


class Crop(Request):
    """What is cut off each side of the source, as a share of its width or height."""

    left: float = Field(default=0, ge=0, lt=1)
    top: float = Field(default=0, ge=0, lt=1)
    right: float = Field(default=0, ge=0, lt=1)
    bottom: float = Field(default=0, ge=0, lt=1)

    @model_validator(mode="after")
    def _something_left(self) -> Self:
        if self.left + self.right > 0.99 or self.top + self.bottom > 0.99:
            raise ValueError("the crop leaves nothing of the picture")
        return self


class Transform(Request):
    """Puts the point ``anchor`` of the fitted picture at ``x``, ``y`` of the canvas, scaled and turned clockwise."""

    x: Place = 0.5
    y: Place = 0.5
    scale: Scale = 1
    rotation_degrees: Degrees = 0
    anchor_x: float = Field(default=0.5, ge=-10, le=10)
    anchor_y: float = Field(default=0.5, ge=-10, le=10)


class ClipExtension(Request):
    """``metadata.deskrun`` of a clip."""

    fit: Fit = "contain"
    crop: Crop = Crop()
    transform: Transform = Transform()
    opacity: Share = 1
    blend: Blend = "normal"
    gain_db: Decibels = 0
    pan: Pan = 0
    fade_in_seconds: Seconds = 0
    fade_out_seconds: Seconds = 0
    """Fades of the sound. Pictures fade by keyframes on ``opacity`` or by a transition."""
    loop: bool = False
    """Play the source again from its beginning when it ends before the clip does."""


class StackExtension(Request):
    """``metadata.deskrun`` of a nested stack: everything in it is moved as one."""

    transform: Transform = Transform()


class Duck(Request):
    """Lower this track while the tracks named ``by`` are heard."""

    by: Annotated[tuple[str, ...], Field(min_length=1, max_length=16)]
    amount_db: float = Field(default=12, ge=1, le=40)
    threshold_db: float = Field(default=-40, ge=-60, le=0)
    attack_seconds: float = Field(default=0.02, ge=0.001, le=2)
    release_seconds: float = Field(default=0.4, ge=0.01, le=9)


class TrackExtension(Request):
    """``metadata.deskrun`` of a track: how its sound joins the mix."""

    gain_db: float = Field(default=0, ge=-96, le=24)
    duck: Duck | None = None


class TransitionExtension(Request):
    """``metadata.deskrun`` of a transition: the kind to use instead of ``transition_type``, by ffmpeg's name."""

    kind: Annotated[str, StringConstraints(pattern=r"^[a-z]{1,20}$")] | None = None


class Loudness(Request):
    """The programme's loudness, by EBU R 128."""

    target_lufs: float = Field(default=-16, ge=-70, le=-5)
    true_peak_db: float = Field(default=-1.5, ge=-9, le=0)
    range_lu: float = Field(default=11, ge=1, le=50)


class Captions(Request):
    """A caption file (SRT or ASS) burned into the picture or muxed as a stream."""

    asset_id: AssetId
    mode: Literal["burn", "mux"] = "burn"
    size: float = Field(default=0.06, gt=0, le=0.5)
    """Height of a line of SRT as a share of the canvas."""
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{3}$")] = "und"


class TimelineExtension(Request):
    """``metadata.deskrun`` of the timeline."""

    loudness: Loudness | None = None
    captions: Annotated[tuple[Captions, ...], Field(max_length=8)] = ()
    missing_media: Literal["error", "slate"] = "error"


class TextParameters(Request):
    """``parameters`` of a GeneratorReference of kind ``Text``."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=5000)]
    font_asset_id: AssetId | None = None
    size: float = Field(default=0.08, gt=0, le=2)
    """Height of a line as a share of the canvas."""
    color: HexColor = "#ffffff"
    outline_color: HexColor = "#000000"
    outline: float = Field(default=0, ge=0, le=0.1)
    """Width as a share of the canvas's height; so is ``box_padding``."""
    box_color: HexColor | None = None
    box_padding: float = Field(default=0.012, ge=0, le=0.5)
    x: float = Field(default=0.5, ge=-1, le=2)
    y: float = Field(default=0.5, ge=-1, le=2)
    align: Align = "center"
    vertical_align: VerticalAlign = "middle"
    max_width: float = Field(default=0.9, gt=0, le=1)
    bold: bool = False
    italic: bool = False
