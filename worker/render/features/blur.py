"""The effect ``blur``: a Gaussian blur."""

from pydantic import Field

from schemas.message import Request
from worker.render.features.registry import Parameters, PictureEffect


class Blur(Request):
    """Parameters of ``blur``."""

    sigma: float = Field(default=8, gt=0, le=200)
    """Standard deviation in pixels of the fitted picture."""


def _filters(parameters: Parameters) -> list[str]:
    return [f"gblur=sigma={parameters.text('sigma')}:steps=2"]


EFFECT = PictureEffect("blur", Blur, _filters)
