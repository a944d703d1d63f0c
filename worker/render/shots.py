"""One clip's picture on the canvas: opened, timed, cropped, fitted, changed by its effects and put in its place.

Timestamps are counted, never measured. Frames follow the rule of a player: at time t, the last frame whose timestamp is
not after t. ``pictures.py`` calls it.
"""

from dataclasses import dataclass
from fractions import Fraction

from worker.render.canvas import Canvas
from worker.render.curves import value_at
from worker.render.features.registry import effects, filters_of
from worker.render.layers import Effect, Motion, Shot
from worker.render.motion import moved
from worker.render.probe import Media
from worker.render.script import Script, shift
from worker.render.sources import Bars, SolidColor, SubtitleScript, Text
from worker.render.writing import written

_TOLERANCE_MICROSECONDS = 997
"""Matroska and FLV round timestamps to a millisecond: a frame up to about that much late still counts as in time.

Not exactly a millisecond: frames of 23.976 can be just that late, and a microsecond's rounding would decide.
"""
_HOLD = ["trim=end_frame=1", "tpad=stop=-1:stop_mode=clone"]
_BARS_SIZE = "1920x1080"
_MOST = 2
"""Pictures are scaled to at most this many canvases; what goes beyond is left to the motion."""


@dataclass(frozen=True)
class _Place:
    """The fitted picture's size in pixels, the scale it was given, and where it lies if it does not move."""

    width: int
    height: int
    drawn_scale: float
    left: int
    top: int
    turns: bool


class Shots:
    """Draws shots on one canvas into one script."""

    def __init__(self, script: Script, canvas: Canvas) -> None:
        self._script = script
        self._canvas = canvas

    def is_flat(self, shot: Shot) -> bool:
        """Whether the picture is an opaque upright rectangle that stays where it is."""
        look = shot.look
        return (
            not _has_alpha(shot)
            and not look.fades
            and look.opacity[0].value == 1
            and not any(effects()[effect.name].makes_alpha for effect in look.effects)
            and not self._place(shot).turns
        )

    def is_solid(self, shot: Shot) -> bool:
        """Whether the picture is opaque and covers the whole canvas."""
        if not self.is_flat(shot):
            return False
        place = self._place(shot)
        covers = place.left + place.width >= self._canvas.width and place.top + place.height >= self._canvas.height
        return place.left <= 0 and place.top <= 0 and covers

    def nothing(self, frames: int, *, opaque: bool) -> str:
        """``frames`` black frames, or transparent ones."""
        canvas = self._canvas
        color, pixels = ("black", canvas.opaque) if opaque else ("black@0", canvas.alpha)
        source = f"color=c={color}:s={canvas.width}x{canvas.height}:r={canvas.fps}"
        return self._script.chain("", [source, f"format={pixels}", canvas.tags, f"trim=end_frame={frames}"])

    def flattened(self, link: str, frames: int) -> str:
        """``frames`` pictures with alpha laid on black."""
        below = self.nothing(frames, opaque=True)
        link = self._script.chain(link, [f"settb={self._canvas.tick}", "setpts=N"])
        below = self._script.chain(below, [f"settb={self._canvas.tick}", "setpts=N"])
        return self._script.chain(below + link, [f"overlay=format={self._canvas.overlay}"])

    def draw(self, shot: Shot, *, opaque: bool) -> str:
        """Exactly ``shot.frames`` frames at the output rate, in the canvas's size and colours."""
        pixels = self._canvas.opaque if opaque else self._canvas.alpha
        place = self._place(shot)
        link = self._fitted(shot, place, pixels)
        is_held = _is_held(shot)
        is_animated = shot.look.motion.moves or any(
            isinstance(value, tuple) for effect in shot.look.effects for _, value in effect.parameters
        )
        if is_held and is_animated:
            link = self._script.chain(link, _HOLD)
        for effect in shot.look.effects:
            link = self._changed(link, effect, has_alpha=not opaque)
        if shot.look.effects:
            link = self._script.chain(link, [f"format={pixels}"])
        link = self._placed(link, shot.look.motion, place, pixels)
        hold = _HOLD if is_held and not is_animated else []
        link = self._script.chain(link, [*hold, self._canvas.tags, f"trim=end_frame={shot.frames}"])
        return link if opaque else self._faded(link, shot)

    def _place(self, shot: Shot) -> _Place:
        canvas, look, motion = self._canvas, shot.look, shot.look.motion
        width, height = _shown_size(shot) or (canvas.width, canvas.height)
        ratios = Fraction(canvas.width) / width, Fraction(canvas.height) / height
        ratio = {"contain": min(ratios), "cover": max(ratios), "none": Fraction(1)}.get(look.fit)
        scales = ratios if ratio is None else (ratio, ratio)
        scale = motion.peak_scale if motion.moves else motion.scale[0].value
        full = float(width * scales[0]) * scale, float(height * scales[1]) * scale
        most = min(1.0, _MOST * canvas.width / full[0], _MOST * canvas.height / full[1])
        fitted_width, fitted_height = (max(2, round(side * most / 2) * 2) for side in full)
        left = motion.x[0].value * canvas.width - motion.anchor[0] * fitted_width
        top = motion.y[0].value * canvas.height - motion.anchor[1] * fitted_height
        turns = motion.moves or motion.rotation_degrees[0].value % 360 != 0 or most < 1
        return _Place(fitted_width, fitted_height, scale * most, int(left // 2) * 2, int(top // 2) * 2, turns)

    def _fitted(self, shot: Shot, place: _Place, pixels: str) -> str:
        """The picture at the output rate, cropped and scaled, in ``pixels``."""
        source, look, canvas = shot.source, shot.look, self._canvas
        assumed = ""
        if isinstance(source, Media):
            link, filters = self._media(source, shot)
            picture = source.picture
            assert picture is not None  # noqa: S101 - the planner refused everything else
            assumed = f":in_color_matrix={picture.assumed_matrix}" if picture.assumed_matrix else ""
        elif isinstance(source, Text | SubtitleScript):
            link, filters = written(self._script, canvas, source, shot), []
        else:
            link, filters = "", self._generated(source)
        left, top, right, bottom = look.crop
        if any(look.crop):
            filters.append(f"crop=iw*{1 - left - right!r}:ih*{1 - top - bottom!r}:iw*{left!r}:ih*{top!r}")
        filters += [
            f"scale={place.width}:{place.height}:flags=bicubic{assumed}:out_color_matrix={canvas.matrix}:out_range=tv",
            f"format={pixels}",
            "setsar=1",
        ]
        if shot.speed < 0:
            filters += [f"trim=end_frame={shot.frames}", "reverse"]
        return self._script.chain(link, filters)

    def _media(self, media: Media, shot: Shot) -> tuple[str, list[str]]:
        rate, speed = self._canvas.fps, abs(shot.speed)
        begin = shot.media_start
        if shot.speed < 0:
            begin = max(Fraction(0), begin - (shot.frames - 1) / self._canvas.rate * speed)
        link = self._script.picture_input(media, begin, rate)
        if media.duration is None:
            return link, [f"settb={self._canvas.tick}", "setpts=0"]
        late = shift(media, begin) + _TOLERANCE_MICROSECONDS
        stretch = speed or Fraction(1)
        # The first fps makes the frames after the last one countable, the second drops all before the in-point.
        return link, [
            "settb=AVTB",
            f"setpts=(PTS-({late}))*{stretch.denominator}/{stretch.numerator}",
            f"fps={rate}:round=up",
            _HOLD[1],
            f"fps={rate}:start_time=0",
            f"trim=end_frame={1 if shot.speed == 0 else shot.frames}",
        ]

    def _generated(self, source: object) -> list[str]:
        canvas = self._canvas
        if isinstance(source, SolidColor):
            red, green, blue, alpha = source.rgba
            color = f"0x{red:02x}{green:02x}{blue:02x}{alpha:02x}"
            made = [f"color=c={color}:s={canvas.width}x{canvas.height}:r={canvas.fps}", "format=rgba"]
        else:
            assert isinstance(source, Bars)  # noqa: S101 - a Tone has no picture, the planner refused it
            made = [f"smptehdbars=s={_BARS_SIZE}:r={canvas.fps}", "setparams=colorspace=bt709:range=tv"]
        return [*made, "trim=end_frame=1"]

    def _changed(self, link: str, effect: Effect, *, has_alpha: bool) -> str:
        filters = filters_of(effect)
        if not has_alpha or effects()[effect.name].alpha_safe:
            return self._script.chain(link, filters)
        colors, shape = self._script.split(link, 2)
        colors = self._script.chain(
            colors, [f"format={self._canvas.opaque}", *filters, f"format={self._canvas.opaque}"]
        )
        return self._script.chain(colors + self._script.chain(shape, ["alphaextract"]), ["alphamerge"])

    def _placed(self, link: str, motion: Motion, place: _Place, pixels: str) -> str:
        canvas = self._canvas
        if place.turns:
            return moved(self._script, canvas, link, motion, (place.width, place.height), drawn_scale=place.drawn_scale)
        left, top = max(0, place.left), max(0, place.top)
        right = min(canvas.width, place.left + place.width)
        bottom = min(canvas.height, place.top + place.height)
        color = "black@0" if pixels == canvas.alpha else "black"
        if right <= left or bottom <= top:  # all of it is outside
            return self._script.chain(link, [f"crop=2:2:0:0,scale={canvas.width}:{canvas.height},{_blank(pixels)}"])
        filters: list[str] = []
        if (right - left, bottom - top) != (place.width, place.height):
            filters.append(f"crop={right - left}:{bottom - top}:{left - place.left}:{top - place.top}")
        if (right - left, bottom - top) != (canvas.width, canvas.height):
            filters.append(f"pad={canvas.width}:{canvas.height}:{left}:{top}:color={color}")
        return self._script.chain(link, filters) if filters else link

    def _faded(self, link: str, shot: Shot) -> str:
        opacity = shot.look.opacity
        if not shot.look.fades:
            return link if opacity[0].value == 1 else self._script.chain(link, [f"lutyuv=a={_faint(opacity[0].value)}"])
        label = f"fade{self._script.number()}"
        lines: list[str] = []
        before = None
        for frame in range(shot.frames):
            value = value_at(opacity, frame)
            if value != before:
                at = max(0.0, float((frame - Fraction(1, 2)) / self._canvas.rate))
                lines.append(f"{at:.6f} lutyuv@{label} a {_faint(value)};")
            before = value
        name = self._script.file(".cmd", "\n".join(lines) + "\n")
        count = [f"settb={self._canvas.tick}", "setpts=N"]
        first = _faint(value_at(opacity, 0))
        return self._script.chain(link, [*count, f"sendcmd=f={name}", f"lutyuv@{label}=a={first}"])


def _faint(opacity: float) -> str:
    return f"round(val*{opacity!r})"


def _blank(pixels: str) -> str:
    return "lutyuv=a=0" if pixels.startswith("yuva") else "lutyuv=y=minval:u=(maxval+minval)/2:v=(maxval+minval)/2"


def _has_alpha(shot: Shot) -> bool:
    source = shot.source
    if isinstance(source, Media):
        return source.picture is not None and source.picture.has_alpha
    if isinstance(source, Text | SubtitleScript):
        return not (isinstance(source, Text) and source.background)
    return isinstance(source, SolidColor) and source.rgba[3] < 255


def _is_held(shot: Shot) -> bool:
    """Whether one picture is shown all the time."""
    if isinstance(shot.source, Media):
        return shot.speed == 0 or shot.source.duration is None
    return not isinstance(shot.source, SubtitleScript)


def _shown_size(shot: Shot) -> tuple[Fraction, Fraction] | None:
    """Size of a file's picture as cropped, in square pixels; None for generators, which fill the canvas."""
    if not isinstance(shot.source, Media) or shot.source.picture is None:
        return None
    left, top, right, bottom = (Fraction(side).limit_denominator(100_000) for side in shot.look.crop)
    return shot.source.picture.width * (1 - left - right), shot.source.picture.height * (1 - top - bottom)
