"""What is derived from the declared functions: the route table, the deployment manifest, the JSON Schemas."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from functions.endpoint import Endpoint
from functions.trigger import EventFunction
from schemas.events import Doorbell, MembersChanged, ProjectDeleted, RenderDispatch, Topic
from schemas.renders import RenderManifest

_BESIDE_HTTP: tuple[type[BaseModel], ...] = (RenderManifest, Doorbell, RenderDispatch, ProjectDeleted, MembersChanged)


def routes(endpoints: Sequence[Endpoint], event_functions: Sequence[EventFunction]) -> str:
    """Markdown tables of the endpoints and the event functions."""
    lines = ["| endpoint | function | what it does |", "| --- | --- | --- |"]
    lines += [f"| `{spec.method} {spec.path}` | `{spec.name}` | {spec.summary} |" for spec in endpoints]
    lines += ["", "| woken by | function | what it does |", "| --- | --- | --- |"]
    lines += [f"| {_woken_by(spec)} | `{spec.name}` | {spec.summary} |" for spec in event_functions]
    return "\n".join(lines) + "\n"


def _woken_by(spec: EventFunction) -> str:
    return f"schedule `{spec.schedule}`" if spec.schedule else f"topic `deskrun-{spec.topic}`"


def manifest(endpoints: Sequence[Endpoint], event_functions: Sequence[EventFunction]) -> dict[str, Any]:
    """What to deploy: each function with its trigger and options."""
    return {
        "functions": [
            *(
                {"name": spec.name, "trigger": {"http": {"method": spec.method, "path": spec.path}}}
                | asdict(spec.deployment)
                for spec in endpoints
            ),
            *({"name": spec.name, "trigger": _trigger(spec)} | asdict(spec.deployment) for spec in event_functions),
        ]
    }


def _trigger(spec: EventFunction) -> dict[str, Any]:
    if spec.topic is Topic.OBJECT_FINALIZED:
        # In the cloud Eventarc tells of objects; the topic of that name is for where there is none.
        return {"storage": "google.cloud.storage.object.v1.finalized"}
    return {"schedule": spec.schedule} if spec.schedule else {"topic": f"deskrun-{spec.topic}"}


def json_schemas(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """JSON Schemas (2020-12) of every request, answer and message, under ``$defs``."""
    models: dict[type[BaseModel], JsonSchemaMode] = dict.fromkeys(_BESIDE_HTTP, "validation")
    for spec in endpoints:
        models[spec.answer] = "serialization"
        models.update({spec.parameters[name]: "validation" for name in ("body", "query") if name in spec.parameters})
    _, definitions = models_json_schema(list(models.items()))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **definitions}
