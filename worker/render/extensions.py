"""Reads ``metadata.deskrun`` and effect parameters out of the raw document, with a JSON pointer for every mistake.

Only ``timeline.py`` calls it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)

_UNION_TAGS = {"float", "Keyframes", "str", "tuple[float, float, float, float]"}


@dataclass(frozen=True)
class EffectUse:
    """An effect of the registry with its checked parameters, still in seconds."""

    name: str
    parameters: BaseModel


class Extensions:
    """The raw document's extensions by JSON pointer. Mistakes go to ``wrong(pointer, message)``."""

    def __init__(self, document: dict[str, Any], wrong: Callable[[str, str], None]) -> None:
        self._document = document
        self._wrong = wrong

    def node(self, pointer: str) -> dict[str, Any]:
        """The object that ``pointer`` points at."""
        node: Any = self._document
        for part in pointer.split("/")[1:]:
            node = node[int(part)] if isinstance(node, list) else node[part]
        return node if isinstance(node, dict) else {}

    def of(self, pointer: str, model: type[Model]) -> Model:
        """The extension of the object at ``pointer``; the model's defaults where there is none or a wrong one."""
        metadata = self.node(pointer).get("metadata")
        ours = metadata.get("deskrun") if isinstance(metadata, dict) else None
        return self.checked({} if ours is None else ours, model, f"{pointer}/metadata/deskrun") or model()

    def checked(self, value: Any, model: type[Model], pointer: str) -> Model | None:
        """``value`` as ``model``, or None after every mistake in it was told."""
        try:
            return model.model_validate(value)
        except ValidationError as error:
            told: set[str] = set()
            for mistake in error.errors():
                if mistake["type"] == "float_type" and isinstance(mistake["input"], dict):
                    continue  # of a number or keyframes, keyframes were meant: they have a mistake of their own
                trail = "".join(f"/{part}" for part in mistake["loc"] if not _is_tag(part))
                if trail not in told:
                    self._wrong(f"{pointer}{trail}", mistake["msg"].removeprefix("Value error, "))
                told.add(trail)
            return None


def _is_tag(part: int | str) -> bool:
    """Whether pydantic put the part in to say which member of a union it tried."""
    return isinstance(part, str) and (part in _UNION_TAGS or "[" in part)
