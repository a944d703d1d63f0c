"""Moving, scaling and turning a picture below the pixel, as filters. Called by ``shots.py`` and ``pictures.py``."""

from worker.render.canvas import Canvas
from worker.render.curves import expression
from worker.render.layers import Motion
from worker.render.script import Script

_MARGIN = 8
"""Transparent pixels around the picture: outside its input the filter repeats the outermost ones."""


def moved(
    script: Script, canvas: Canvas, link: str, motion: Motion, size: tuple[int, int], *, drawn_scale: float = 1
) -> str:
    """``link``, pictures with alpha of ``size`` already scaled by ``drawn_scale``, placed on a transparent canvas.

    One affine map per frame by the ``perspective`` filter, on premultiplied 8-bit 4:4:4.
    """
    width, height = (_even(max(a, b) + _MARGIN) for a, b in zip(size, (canvas.width, canvas.height), strict=True))
    left, top = _even((width - size[0]) / 2), _even((height - size[1]) / 2)
    offset_x, offset_y = (width - canvas.width) // 2, (height - canvas.height) // 2
    frame = "(on-1)"
    scale = f"({expression(motion.scale, frame)}/{drawn_scale!r})"
    angle = f"({expression(motion.rotation_degrees, frame)}*PI/180)"
    to_x = f"({offset_x}+{expression(motion.x, frame)}*{canvas.width})"
    to_y = f"({offset_y}+{expression(motion.y, frame)}*{canvas.height})"
    anchor_x, anchor_y = left + motion.anchor[0] * size[0], top + motion.anchor[1] * size[1]
    corners: list[str] = []
    for index, (x, y) in enumerate(((0, 0), (width, 0), (0, height), (width, height))):
        right, down = f"({x - anchor_x!r})", f"({y - anchor_y!r})"
        corners.append(f"x{index}='{to_x}+{scale}*(cos({angle})*{right}-sin({angle})*{down})'")
        corners.append(f"y{index}='{to_y}+{scale}*(sin({angle})*{right}+cos({angle})*{down})'")
    return script.chain(
        link,
        [
            "format=yuva444p",
            "premultiply=inplace=1",
            f"pad={width}:{height}:{left}:{top}:color=black@0",
            f"perspective={':'.join(corners)}:sense=destination:eval=frame:interpolation=linear",
            f"crop={canvas.width}:{canvas.height}:{offset_x}:{offset_y}",
            "unpremultiply=inplace=1",
            f"format={canvas.alpha}",
        ],
    )


def _even(length: float) -> int:
    return round(length / 2) * 2
