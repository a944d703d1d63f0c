"""The picture half of the filter graph: layers become exactly ``plan.frames`` frames. Called by ``graph.py``.

Every clip is opened once, brought to the output's rate, size and colours, and cut by frame number; timestamps are
counted, never measured. Frames follow the rule of a player: at time t, the last frame whose timestamp is not after t.
"""

from dataclasses import dataclass
from fractions import Fraction

from schemas.presets import VideoSettings
from worker.render.layers import Cut, Layer, Mix, Shot, shots_of
from worker.render.plan import Plan
from worker.render.probe import Media
from worker.render.script import Script, shift
from worker.render.sources import Bars, SolidColor

_TOLERANCE_MICROSECONDS = 1000
"""Matroska and FLV round timestamps to a millisecond: a frame up to that much late still counts as in time."""
_HOLD = "tpad=stop=-1:stop_mode=clone"
_BARS_SIZE = "1920x1080"


@dataclass(frozen=True)
class Canvas:
    """What every frame is made into: rate, size, ffmpeg's names of the pixel formats to work in, colour tags."""

    rate: str
    width: int
    height: int
    opaque: str
    alpha: str
    blending: str
    overlay: str
    matrix: str
    tags: str


def canvas(plan: Plan, video: VideoSettings) -> Canvas:
    """Work in the preset's chroma subsampling, and in 10 bits where the preset has more than 8."""
    chroma = next((c for c in ("444", "422") if c in video.pixel_format), "420")
    if video.pixel_format.startswith(("gbr", "rgb", "bgr")):
        chroma = "444"
    deep = any(bits in video.pixel_format for bits in ("p10", "p12", "p14", "p16", "p010"))
    suffix = "10le" if deep else ""
    return Canvas(
        rate=f"{plan.rate.numerator}/{plan.rate.denominator}",
        width=plan.width,
        height=plan.height,
        opaque=f"yuv{chroma}p{suffix}",
        alpha=f"yuva{chroma}p{suffix}",
        blending=f"yuva444p{suffix}",
        overlay=f"yuv{chroma}{'p10' if deep else ''}",
        matrix=video.color_space,
        tags=f"setparams=range=tv:color_primaries={video.color_primaries}"
        f":color_trc={video.color_trc}:colorspace={video.color_space}",
    )


def build_pictures(script: Script, plan: Plan, video: VideoSettings, *, to: str) -> None:
    """Write the picture graph; its result has the preset's pixel format and colour tags."""
    builder = _Pictures(script, canvas(plan, video), plan.frames)
    base, rest = _bottom(plan.layers)
    link = builder.base(base)
    for layer in rest:
        link = builder.over(link, layer)
    script.chain(link, [f"format={video.pixel_format}", builder.canvas.tags], to=to)


def _bottom(layers: tuple[Layer, ...]) -> tuple[list[Layer], list[Layer]]:
    """Layers that follow each other with nothing below them need no compositing, and those that do."""
    base: list[Layer] = []
    for index, layer in enumerate(layers):
        if base and layer.start < base[-1].end:
            return base, list(layers[index:])
        base.append(layer)
    return base, []


class _Pictures:
    def __init__(self, script: Script, canvas: Canvas, frames: int) -> None:
        self._script = script
        self.canvas = canvas
        self._frames = frames

    def base(self, layers: list[Layer]) -> str:
        """The layers one after the other on black, opaque, over the whole length."""
        parts: list[str] = []
        cursor = 0
        for layer in layers:
            if layer.start > cursor:
                parts.append(self._nothing(layer.start - cursor, opaque=True))
            parts += self._spans(layer, opaque=True)
            cursor = layer.end
        if cursor < self._frames:
            parts.append(self._nothing(self._frames - cursor, opaque=True))
        return self._joined(parts, start=0)

    def over(self, below: str, layer: Layer) -> str:
        """``layer`` composited over ``below``."""
        link = self._joined(self._spans(layer, opaque=False), start=layer.start)
        return self._script.chain(below + link, [f"overlay=eof_action=pass:format={self.canvas.overlay}"])

    def _joined(self, parts: list[str], *, start: int) -> str:
        count = [f"settb=1/({self.canvas.rate})", f"setpts=N+{start}"]
        if len(parts) == 1:
            return self._script.chain(parts[0], count)
        return self._script.chain("".join(parts), [f"concat=n={len(parts)}:v=1:a=0", *count])

    def _spans(self, layer: Layer, *, opaque: bool) -> list[str]:
        """One link per span. A shot that several spans show is opened once and split."""
        uses: dict[int, list[tuple[int, int]]] = {}
        shots: dict[int, Shot] = {}
        for span in layer.spans:
            for shot in shots_of(span):
                shots[id(shot)] = shot
                uses.setdefault(id(shot), []).append((span.start - shot.start, span.end - shot.start))
        ready: dict[int, list[str]] = {}
        for key, shot in shots.items():
            copies = self._script.split(self._shot(shot, opaque=opaque), len(uses[key]))
            pieces = zip(copies, uses[key], strict=True)
            ready[key] = [self._piece(copy, piece, shot.frames) for copy, piece in pieces]
        links: list[str] = []
        for span in layer.spans:
            if isinstance(span, Cut):
                links.append(ready[id(span.shot)].pop(0))
            else:
                sides = [
                    self._nothing(span.end - span.start, opaque=opaque) if side is None else ready[id(side)].pop(0)
                    for side in (span.outgoing, span.incoming)
                ]
                links.append(self._mixed(sides, span, opaque=opaque))
        return links

    def _piece(self, link: str, piece: tuple[int, int], frames: int) -> str:
        if piece == (0, frames):
            return link
        return self._script.chain(link, [f"trim=start_frame={piece[0]}:end_frame={piece[1]}", "setpts=PTS-STARTPTS"])

    def _mixed(self, sides: list[str], mix: Mix, *, opaque: bool) -> str:
        """A linear dissolve; frame j of n is (j + 1/2)/n of the incoming, so both ends are alike.

        Translucent pictures are mixed with premultiplied alpha, else the colour of what is not there would show.
        """
        rate = Fraction(self.canvas.rate)
        seconds = float(mix.length / rate)
        offset = -float((mix.skipped + Fraction(1, 2)) / rate)
        before = [] if opaque else [f"format={self.canvas.blending}", "premultiply=inplace=1"]
        after = [] if opaque else ["unpremultiply=inplace=1", f"format={self.canvas.alpha}"]
        fine = [self._script.chain(side, [*before, "settb=AVTB"]) for side in sides]
        fade = f"xfade=transition=fade:duration={seconds:.6f}:offset={offset:.6f}"
        return self._script.chain("".join(fine), [fade, *after, f"settb=1/({self.canvas.rate})"])

    def _nothing(self, frames: int, *, opaque: bool) -> str:
        color = "black" if opaque else "black@0"
        pixels = self.canvas.opaque if opaque else self.canvas.alpha
        size = f"{self.canvas.width}x{self.canvas.height}"
        source = f"color=c={color}:s={size}:r={self.canvas.rate}"
        return self._script.chain("", [source, f"format={pixels}", self.canvas.tags, f"trim=end_frame={frames}"])

    def _shot(self, shot: Shot, *, opaque: bool) -> str:
        """Exactly ``shot.frames`` frames at the output rate, in the canvas's size and colours."""
        source = shot.source
        flatten = opaque and (
            (isinstance(source, Media) and source.picture is not None and source.picture.has_alpha)
            or (isinstance(source, SolidColor) and source.rgba[3] < 255)
        )
        pixels = self.canvas.opaque if opaque and not flatten else self.canvas.alpha
        if isinstance(source, Media):
            link, filters = self._media(source, shot)
            filters += self._fitted(source, pixels)
        else:
            link, filters = "", [*self._generated(source, pixels)]
        if shot.speed == 0 or not isinstance(source, Media) or source.duration is None:
            filters += ["trim=end_frame=1", _HOLD]
        filters += [self.canvas.tags, f"trim=end_frame={shot.frames}"]
        link = self._script.chain(link, filters)
        if flatten:
            below = self._nothing(shot.frames, opaque=True)
            link = self._script.chain(below + link, [f"overlay=format={self.canvas.overlay}"])
        return link

    def _media(self, media: Media, shot: Shot) -> tuple[str, list[str]]:
        rate = self.canvas.rate
        link = self._script.picture_input(media, shot.media_start, rate)
        if media.duration is None:
            return link, [f"settb=1/({rate})", "setpts=0"]
        speed = shot.speed or Fraction(1)
        late = shift(media, shot.media_start) + _TOLERANCE_MICROSECONDS
        # The first fps makes the frames after the last one countable, the second drops all before the in-point.
        return link, [
            "settb=AVTB",
            f"setpts=(PTS-({late}))*{speed.denominator}/{speed.numerator}",
            f"fps={rate}:round=up",
            _HOLD,
            f"fps={rate}:start_time=0",
            f"trim=end_frame={1 if shot.speed == 0 else shot.frames}",
        ]

    def _fitted(self, media: Media, pixels: str) -> list[str]:
        """Scale to fit with the aspect kept, centred; the rest is black, and transparent where there is alpha."""
        picture = media.picture
        assert picture is not None  # noqa: S101 - the planner refused everything else
        canvas = self.canvas
        ratio = min(Fraction(canvas.width, picture.width), Fraction(canvas.height, picture.height))
        width = min(canvas.width, max(2, round(picture.width * ratio / 2) * 2))
        height = min(canvas.height, max(2, round(picture.height * ratio / 2) * 2))
        assumed = f":in_color_matrix={picture.assumed_matrix}" if picture.assumed_matrix else ""
        scale = f"scale={width}:{height}:flags=bicubic{assumed}:out_color_matrix={canvas.matrix}:out_range=tv"
        filters = [scale, f"format={pixels}", "setsar=1"]
        if (width, height) != (canvas.width, canvas.height):
            color = "black@0" if pixels == canvas.alpha else "black"
            filters.append(f"pad={canvas.width}:{canvas.height}:(ow-iw)/2:(oh-ih)/2:color={color}")
        return filters

    def _generated(self, source: object, pixels: str) -> list[str]:
        canvas = self.canvas
        if isinstance(source, SolidColor):
            red, green, blue, alpha = source.rgba
            color = f"0x{red:02x}{green:02x}{blue:02x}{alpha:02x}"
            made = [f"color=c={color}:s={canvas.width}x{canvas.height}:r={canvas.rate}", "format=rgba"]
        else:
            assert isinstance(source, Bars)  # noqa: S101 - a Tone has no picture, the planner refused it
            made = [f"smptehdbars=s={_BARS_SIZE}:r={canvas.rate}", "setparams=colorspace=bt709:range=tv"]
        scale = f"scale={canvas.width}:{canvas.height}:out_color_matrix={canvas.matrix}:out_range=tv"
        return [*made, "trim=end_frame=1", scale, f"format={pixels}", "setsar=1"]
