"""The effect ``mirror``: the picture flipped."""

from typing import Literal

from schemas.message import Request
from worker.render.features.registry import Parameters, PictureEffect


class Mirror(Request):
    """Parameters of ``mirror``."""

    axis: Literal["horizontal", "vertical"] = "horizontal"
    """``horizontal`` swaps left and right."""


def _filters(parameters: Parameters) -> list[str]:
    return ["hflip" if parameters.text("axis") == "horizontal" else "vflip"]


EFFECT = PictureEffect("mirror", Mirror, _filters, alpha_safe=True)
