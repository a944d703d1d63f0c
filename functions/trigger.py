"""Event functions: ``@on_message``, ``@on_schedule`` and ``@on_object`` make one Cloud Function of a plain function.

A handler takes its message (or nothing, for a schedule) and ``services``. It may be called more than once for the same
event and raises to be called again.
"""

import base64
import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cloudevents.http import CloudEvent
from pydantic import BaseModel

from functions.endpoint import Deployment
from functions.logs import request_context
from functions.ports import Services
from schemas.events import Topic

EventHandler = Callable[..., None]
EventEntryPoint = Callable[[CloudEvent], None]


@dataclass(frozen=True)
class EventFunction:
    """One event function: what wakes it, and how to run it."""

    name: str
    handler: EventHandler
    deployment: Deployment
    topic: Topic | None = None
    """The topic whose messages wake it; object events travel on ``OBJECT_FINALIZED`` outside of Eventarc."""
    schedule: str | None = None
    """Cron expression in UTC."""
    parse: Callable[[str], Any] | None = None
    """Makes the handler's message of an event's text; None for a schedule, which has none."""

    @property
    def summary(self) -> str:
        """First line of the handler's docstring."""
        return (inspect.getdoc(self.handler) or "").partition("\n")[0]

    def run(self, data: str, services: Services) -> None:
        """Handle one event; ``data`` is its text, ignored by a schedule."""
        with request_context(function=self.name):
            if self.parse is None:
                self.handler(services=services)
            else:
                self.handler(self.parse(data), services=services)


def on_message(topic: Topic, *, deployment: Deployment | None = None) -> Callable[[EventHandler], EventEntryPoint]:
    """Run the decorated function for every message on ``topic``; its parameter is a model, or ``str``."""
    return _declare(topic=topic, deployment=deployment)


def on_object(*, deployment: Deployment | None = None) -> Callable[[EventHandler], EventEntryPoint]:
    """Run the decorated function for every object that was written completely."""
    return _declare(topic=Topic.OBJECT_FINALIZED, deployment=deployment)


def on_schedule(cron: str, *, deployment: Deployment | None = None) -> Callable[[EventHandler], EventEntryPoint]:
    """Run the decorated function by the clock."""
    return _declare(schedule=cron, deployment=deployment)


def _declare(
    *, topic: Topic | None = None, schedule: str | None = None, deployment: Deployment | None = None
) -> Callable[[EventHandler], EventEntryPoint]:
    def declare(handler: EventHandler) -> EventEntryPoint:
        hints = inspect.get_annotations(handler)
        parsers = [_parser(hint) for name, hint in hints.items() if name not in {"services", "return"}]
        spec = EventFunction(
            name=handler.__name__,
            handler=handler,
            deployment=deployment or Deployment(concurrency=1),
            topic=topic,
            schedule=schedule,
            parse=parsers[0] if parsers else None,
        )
        return _entry_point(spec)

    return declare


def _parser(hint: type) -> Callable[[str], Any]:
    return hint.model_validate_json if issubclass(hint, BaseModel) else hint


def _entry_point(spec: EventFunction) -> EventEntryPoint:
    def entry(event: CloudEvent) -> None:
        from functions.wiring import services  # noqa: PLC0415 - the local server brings its own services

        spec.run(_payload(event), services())

    entry.__name__ = entry.__qualname__ = spec.name
    entry.__doc__ = spec.handler.__doc__
    entry.__module__ = spec.handler.__module__
    entry.event_function = spec  # type: ignore[attr-defined]
    return entry


def _payload(event: CloudEvent) -> str:
    data = event.get_data()
    if isinstance(data, dict) and "message" in data:
        return base64.b64decode(data["message"].get("data", "")).decode()
    return json.dumps(data)
