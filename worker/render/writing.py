"""Texts and captions as pictures with alpha, drawn by libass. Called by ``shots.py``."""

from worker.render.canvas import Canvas
from worker.render.layers import Shot
from worker.render.script import Script
from worker.render.sources import SubtitleScript, Text
from worker.render.titles import script_of


def written(script: Script, canvas: Canvas, source: Text | SubtitleScript, shot: Shot) -> str:
    """The link of the picture in RGB: one frame of a text, all frames of captions.

    Letters are drawn on black and again on white, for libass knows no transparency: where both are alike they are
    opaque, and what is seen on black is their colour times that.
    """
    if isinstance(source, Text):
        name = script.file(".ass", script_of(source, canvas.width, canvas.height))
        time = ["trim=end_frame=1"]
        if source.background is not None:
            color = source.background.replace("#", "0x")
            return script.chain("", [_ground(canvas, color), *time, f"ass=f={name}"])
    else:
        # Captions go by the time of the script, in which a part-render does not begin at 0.
        name = script.file(".ass", source.script)
        time = [f"settb={canvas.tick}", f"setpts=N+{round(shot.media_start * canvas.rate)}"]
    on_black, on_white = (
        script.chain("", [_ground(canvas, color), *time, f"ass=f={name}", f"settb={canvas.tick}", "setpts=N"])
        for color in ("black", "white")
    )
    colors, dark = script.split(on_black, 2)
    difference = ["blend=all_mode=difference:shortest=1", "negate"]
    opaque, mask = script.split(script.chain(on_white + dark, difference), 2)
    straight = script.chain(colors + opaque, ["blend=all_mode=divide:shortest=1"])
    return script.chain(straight + script.chain(mask, ["extractplanes=g"]), ["alphamerge"])


def _ground(canvas: Canvas, color: str) -> str:
    return f"color=c={color}:s={canvas.width}x{canvas.height}:r={canvas.fps},format=gbrp"
