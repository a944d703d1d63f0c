"""Picture effects, one per file of this package: what a document may ask for and the filters that do it.

The timeline reader checks parameters against ``EFFECTS``, the picture graph asks for filters.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from schemas.message import Request
from worker.render import features
from worker.render.curves import expression
from worker.render.layers import Effect, ParameterValue


@dataclass(frozen=True)
class Parameters:
    """The checked parameters of one use of an effect."""

    values: Mapping[str, ParameterValue]

    def number(self, name: str) -> str:
        """A numeric parameter as an ffmpeg expression of ``n``, the frame of the shot."""
        value = self.values[name]
        return expression(value, "n") if isinstance(value, tuple) else f"({value!r})"

    def text(self, name: str) -> str:
        """A parameter that does not change, as it is written."""
        value = self.values[name]
        assert not isinstance(value, tuple)  # noqa: S101 - numbers that may change are read by ``number``
        return str(value)


@dataclass(frozen=True)
class PictureEffect:
    """An effect by its ``effect_name`` in a document; its parameters stand in the effect's ``metadata.deskrun``.

    ``filters`` get yuv or, where the picture has alpha, yuva pictures of the fitted size. An effect that is not
    ``alpha_safe`` is given the picture without its alpha, which is put back afterwards. ``makes_alpha`` means that the
    result may be transparent where the picture was not.
    """

    name: str
    parameters: type[Request]
    filters: Callable[[Parameters], list[str]]
    alpha_safe: bool = False
    makes_alpha: bool = False


def _found() -> dict[str, PictureEffect]:
    found: dict[str, PictureEffect] = {}
    for module in pkgutil.iter_modules(features.__path__, f"{features.__name__}."):
        effect = getattr(importlib.import_module(module.name), "EFFECT", None) if module.name != __name__ else None
        if isinstance(effect, PictureEffect):
            found[effect.name] = effect
    return found


def effects() -> Mapping[str, PictureEffect]:
    """Every effect of the package by its name."""
    if not _known:
        _known.update(_found())
    return _known


_known: dict[str, PictureEffect] = {}


def filters_of(effect: Effect) -> list[str]:
    """The filters of one use of an effect."""
    return effects()[effect.name].filters(Parameters(dict(effect.parameters)))
