"""Finds the functions: one file below ``api/`` or ``events/`` is one function of the same name."""

import importlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from functions.endpoint import Endpoint
from functions.trigger import EventFunction

_ROOT = Path(__file__).parent


@lru_cache(maxsize=1)
def _modules() -> dict[str, str]:
    """Function name to module name, found without importing anything."""
    found: dict[str, str] = {}
    for folder in ("api", "events"):
        for file in sorted((_ROOT / folder).rglob("[a-z]*.py")):
            if file.stem in found:
                raise ImportError(f"two functions are called {file.stem}")
            found[file.stem] = ".".join(["functions", *file.relative_to(_ROOT).with_suffix("").parts])
    return found


def names() -> list[str]:
    """Names of all functions."""
    return list(_modules())


def entry_point(name: str) -> Callable[..., Any]:
    """The entry point of one function; imports only the file that defines it."""
    module = _modules().get(name)
    if module is None:
        raise LookupError(f"there is no function {name!r}; there are: {', '.join(names())}")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found


def endpoints() -> list[Endpoint]:
    """Every HTTP endpoint, by path and method."""
    found = [spec for name in names() if (spec := getattr(entry_point(name), "endpoint", None))]
    return sorted(found, key=lambda spec: (spec.path, spec.method))


def event_functions() -> list[EventFunction]:
    """Every event function, by name."""
    found = [spec for name in names() if (spec := getattr(entry_point(name), "event_function", None))]
    return sorted(found, key=lambda spec: spec.name)
