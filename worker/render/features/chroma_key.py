"""The effect ``chroma_key``: one colour becomes transparent, as in front of a green screen."""

from pydantic import Field

from schemas.deskrun_extension import HexColor
from schemas.message import Request
from worker.render.features.registry import Parameters, PictureEffect


class ChromaKey(Request):
    """Parameters of ``chroma_key``."""

    color: HexColor = "#00ff00"
    similarity: float = Field(default=0.1, ge=0.00001, le=1)
    blend: float = Field(default=0.05, ge=0, le=1)


def _filters(parameters: Parameters) -> list[str]:
    color = parameters.text("color").replace("#", "0x")
    return [f"chromakey=color={color}:similarity={parameters.text('similarity')}:blend={parameters.text('blend')}"]


EFFECT = PictureEffect("chroma_key", ChromaKey, _filters, alpha_safe=True, makes_alpha=True)
