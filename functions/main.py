"""Deployment entry: publishes every catalogued function by name. The bundle puts this file at its root.

An instance serves one function, so only the file of its target is imported.
"""

from collections.abc import Callable
from typing import Any

from functions_framework import aio

from functions import catalog, logs
from functions.settings import Settings


def _published(name: str) -> Callable[..., Any]:
    entry = catalog.entry_point(name)
    register = aio.http if hasattr(entry, "endpoint") else aio.cloud_event
    return register(entry)


def __getattr__(name: str) -> Callable[..., Any]:
    try:
        return _published(name)
    except LookupError as error:
        raise AttributeError(str(error)) from None


_settings = Settings()
logs.configure(_settings.log_format)
if _settings.function_target:
    # The framework decides between its two modes right after loading this file, by what is registered then.
    globals()[_settings.function_target] = _published(_settings.function_target)
