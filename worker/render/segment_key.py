"""What a piece of a render is made of, as one hash: equal keys mean equal bytes. The engine keys segments and sound so.

Canonical JSON in the spirit of RFC 8785: sorted keys, no spaces, and no number that is not exact.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Any

ContentOf = Callable[[Path], str]
"""The SHA-256 of a file's bytes."""

_FORMAT = 1
"""Raise it when the same plan begins to give other pixels or samples: filter graphs are part of no key."""


def piece_key(excerpt: Any, *, content_of: ContentOf, build: str, arguments: Mapping[str, Sequence[str]]) -> str:
    """The key of what ffmpeg ``build`` makes of ``excerpt`` with these encoder ``arguments``.

    ``excerpt`` is any plain data of a plan, rebased to frame 0: no key knows where its piece lies.
    """
    recipe = {"format": _FORMAT, "build": build, "arguments": arguments, "excerpt": excerpt}
    return hashlib.sha256(canonical_json(recipe, content_of).encode()).hexdigest()


def canonical_json(value: Any, content_of: ContentOf) -> str:
    """``value`` as the one text that stands for it. Files count by their content, never by their name."""
    return json.dumps(_plain(value, content_of), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _plain(value: Any, content_of: ContentOf) -> Any:  # noqa: PLR0911 - one for each kind
    """Dataclasses by the name of their type and all their fields, so that a new field is never forgotten."""
    if isinstance(value, Enum):
        return _plain(value.value, content_of)
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return {"float": value.hex()}
    if isinstance(value, Fraction):
        return {"fraction": f"{value.numerator}/{value.denominator}"}
    if isinstance(value, Path):
        return {"content": content_of(value)}
    if is_dataclass(value) and not isinstance(value, type):
        members = {field.name: _plain(getattr(value, field.name), content_of) for field in fields(value)}
        return {"type": type(value).__name__, **members}
    if isinstance(value, Mapping):
        return {"map": [[_plain(key, content_of), _plain(value[key], content_of)] for key in sorted(value)]}
    if isinstance(value, tuple | list):
        return [_plain(item, content_of) for item in value]
    if isinstance(value, frozenset | set):
        return {"set": sorted(json.dumps(_plain(item, content_of), sort_keys=True) for item in value)}
    raise TypeError(f"{type(value).__name__} has no canonical form")
