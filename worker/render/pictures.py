"""The picture half of the filter graph: layers become exactly ``plan.frames`` frames. Called by ``graph.py``.

Every span is drawn by what it shows alone, never by what lies around it, so that an excerpt's frames are the whole's to
the bit: what is opaque and fills the canvas is mixed as it is, anything else with premultiplied alpha.
"""

from collections.abc import Sequence

from schemas.presets import VideoSettings
from worker.render.canvas import Canvas, canvas_of
from worker.render.layers import Cut, Layer, Mix, Shot, shots_of
from worker.render.motion import moved
from worker.render.plan import Plan
from worker.render.script import Script
from worker.render.shots import Shots


def build_pictures(script: Script, plan: Plan, video: VideoSettings, *, to: str) -> None:
    """Write the picture graph; its result has the preset's pixel format and colour tags."""
    canvas = canvas_of(plan, video)
    builder = _Pictures(script, canvas, plan.frames)
    base, rest = _bottom(plan.layers)
    link = builder.base(base)
    for layer in rest:
        link = builder.over(link, layer)
    script.chain(link, [f"format={video.pixel_format}", canvas.tags], to=to)


def _bottom(layers: tuple[Layer, ...]) -> tuple[list[Layer], list[Layer]]:
    """Layers that follow each other with nothing below them need no compositing, and those that do."""
    base: list[Layer] = []
    for index, layer in enumerate(layers):
        if (base and layer.start < base[-1].end) or layer.outer or layer.blend != "normal":
            return base, list(layers[index:])
        base.append(layer)
    return base, []


class _Pictures:
    def __init__(self, script: Script, canvas: Canvas, frames: int) -> None:
        self._script = script
        self._canvas = canvas
        self._frames = frames
        self._shots = Shots(script, canvas)

    def base(self, layers: list[Layer]) -> str:
        """The layers one after the other on black, opaque, over the whole length."""
        parts: list[str] = []
        cursor = 0
        for layer in layers:
            if layer.start > cursor:
                parts.append(self._shots.nothing(layer.start - cursor, opaque=True))
            parts += self._spans(layer, is_base=True)
            cursor = layer.end
        if cursor < self._frames:
            parts.append(self._shots.nothing(self._frames - cursor, opaque=True))
        return self._joined(parts, start=0)

    def over(self, below: str, layer: Layer) -> str:
        """``layer`` composited over ``below``."""
        link = self._joined(self._spans(layer, is_base=False), start=0)
        for motion in layer.outer:
            picture = self._script.chain(link, [f"format={self._canvas.blending}"])
            link = moved(self._script, self._canvas, picture, motion, (self._canvas.width, self._canvas.height))
        link = self._script.chain(link, [f"settb={self._canvas.tick}", f"setpts=N+{layer.start}"])
        if layer.blend != "normal":
            below, link = self._blended(below, link, layer)
        return self._script.chain(below + link, [f"overlay=eof_action=pass:format={self._canvas.overlay}"])

    def _blended(self, below: str, link: str, layer: Layer) -> tuple[str, str]:
        """``below`` and what to lay over it: the layer's colours mixed with those below them, and its alpha."""
        script, canvas = self._script, self._canvas
        below, under = script.split(below, 2)
        colors, shape = script.split(link, 2)
        count = [f"trim=start_frame={layer.start}:end_frame={layer.end}"]
        under = script.chain(under, [*count, "format=gbrp"])
        colors = script.chain(colors, ["format=gbrp"])
        mode = f"blend=all_mode={layer.blend}:shortest=1"
        to_yuv = f"scale=out_color_matrix={canvas.matrix}:out_range=tv"
        mixed = script.chain(colors + under, [mode, to_yuv, f"format={canvas.opaque}", canvas.tags])
        alpha = script.chain(shape, ["alphaextract"])
        return below, script.chain(mixed + alpha, ["alphamerge", f"format={canvas.alpha}"])

    def _joined(self, parts: list[str], *, start: int) -> str:
        count = [f"settb={self._canvas.tick}", f"setpts=N+{start}"]
        if len(parts) == 1:
            return self._script.chain(parts[0], count)
        return self._script.chain("".join(parts), [f"concat=n={len(parts)}:v=1:a=0", *count])

    def _spans(self, layer: Layer, *, is_base: bool) -> list[str]:
        """One link per span, opaque in the base, else with alpha. A shot that several show is opened once."""
        uses: dict[int, list[tuple[int, int]]] = {}
        shots: dict[int, Shot] = {}
        mixed: set[int] = set()
        for span in layer.spans:
            for shot in shots_of(span):
                shots[id(shot)] = shot
                uses.setdefault(id(shot), []).append((span.start - shot.start, span.end - shot.start))
                mixed |= {id(shot)} if isinstance(span, Mix) else set()
        ready: dict[int, list[str]] = {}
        opaque = {
            key: self._shots.is_solid(shot) or (is_base and key not in mixed and self._shots.is_flat(shot))
            for key, shot in shots.items()
        }
        for key, shot in shots.items():
            copies = self._script.split(self._shots.draw(shot, opaque=opaque[key]), len(uses[key]))
            pieces = zip(copies, uses[key], strict=True)
            ready[key] = [self._piece(copy, piece, shot.frames) for copy, piece in pieces]
        links: list[str] = []
        for span in layer.spans:
            frames = span.end - span.start
            if isinstance(span, Cut):
                link, is_opaque = ready[id(span.shot)].pop(0), opaque[id(span.shot)]
            else:
                sides = [
                    (None, False) if side is None else (ready[id(side)].pop(0), opaque[id(side)])
                    for side in (span.outgoing, span.incoming)
                ]
                is_opaque = all(solid for _, solid in sides)
                link = self._mixed(sides, span, opaque=is_opaque)
            links.append(self._shots.flattened(link, frames) if is_base and not is_opaque else link)
            if not is_base and is_opaque:
                links[-1] = self._script.chain(link, [f"format={self._canvas.alpha}"])
        return links

    def _piece(self, link: str, piece: tuple[int, int], frames: int) -> str:
        if piece == (0, frames):
            return link
        return self._script.chain(link, [f"trim=start_frame={piece[0]}:end_frame={piece[1]}", "setpts=PTS-STARTPTS"])

    def _mixed(self, sides: Sequence[tuple[str | None, bool]], mix: Mix, *, opaque: bool) -> str:
        """A transition; frame j of n is (j + 1/2)/n of the incoming, so both ends are alike.

        Translucent pictures are mixed with premultiplied alpha, else the colour of what is not there would show.
        Timestamps are exact in half frames: xfade's progress must not depend on where an excerpt begins.
        """
        canvas = self._canvas
        frames = mix.end - mix.start
        before = [] if opaque else [f"format={canvas.blending}", "premultiply=inplace=1"]
        after = [] if opaque else ["unpremultiply=inplace=1", f"format={canvas.alpha}"]
        count = [f"settb={canvas.half_tick}", "setpts=2*N"]
        links = [
            self._script.chain(self._shots.nothing(frames, opaque=False) if side is None else side, [*before, *count])
            for side, _ in sides
        ]
        half_frames = [f"{float(number / (2 * canvas.rate)):.6f}" for number in (2 * mix.length, -2 * mix.skipped - 1)]
        fade = f"xfade=transition={mix.kind}:duration={half_frames[0]}:offset={half_frames[1]}"
        return self._script.chain("".join(links), [fade, *after, f"settb={canvas.tick}"])
