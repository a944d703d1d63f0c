"""The effect ``color``: brightness, contrast, saturation and gamma, all of which may change over time."""

from typing import Annotated

from pydantic import AfterValidator

from schemas.deskrun_extension import Keyframes, within
from schemas.message import Request
from worker.render.features.registry import Parameters, PictureEffect


class Color(Request):
    """Parameters of ``color``; the defaults change nothing."""

    brightness: Annotated[float | Keyframes, AfterValidator(within(-1, 1))] = 0
    contrast: Annotated[float | Keyframes, AfterValidator(within(0, 4))] = 1
    saturation: Annotated[float | Keyframes, AfterValidator(within(0, 3))] = 1
    gamma: Annotated[float | Keyframes, AfterValidator(within(0.1, 10))] = 1


def _filters(parameters: Parameters) -> list[str]:
    settings = ":".join(f"{name}='{parameters.number(name)}'" for name in Color.model_fields)
    return [f"eq={settings}:eval=frame"]


EFFECT = PictureEffect("color", Color, _filters)
