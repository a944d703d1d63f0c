"""The timeline document, checked and parsed twice: by our schema, which knows assets, and by OTIO, which knows times.

Only ``timeline.py`` calls it.
"""

import json
import math
from itertools import pairwise
from typing import Any

import opentimelineio as otio
from pydantic import ValidationError

from schemas import timelines
from worker.render.errors import RenderError

MAX_CLIPS = 20_000
"""Clips of one timeline, as many as the control plane takes. How many can be shown at once, ``segments.py`` decides."""

_JSON_DEPTH = 128
_DEMANDED: dict[str, dict[str, Any]] = {
    "Clip.2": {"active_media_reference_key": "DEFAULT_MEDIA", "media_references": {}},
    "ExternalReference.1": {"target_url": ""},
    "Effect.1": {"effect_name": ""},
    "FreezeFrame.1": {"effect_name": "FreezeFrame", "time_scalar": 0.0},
    "GeneratorReference.1": {"generator_kind": "", "parameters": {}},
    "LinearTimeWarp.1": {"effect_name": "LinearTimeWarp", "time_scalar": 1.0},
    "Stack.1": {"children": []},
    "Transition.1": {"transition_type": "SMPTE_Dissolve"},
    "Track.1": {"kind": "Video", "children": []},
}


def parse(document: dict[str, Any]) -> tuple[timelines.Timeline, otio.schema.Timeline]:
    """The document as both see it; RenderError ``bad_manifest`` or ``too_many_clips``."""
    _refuse_excess(document)
    try:
        known = json.loads(json.dumps(document), object_hook=_translated)
        model = timelines.Timeline.model_validate(known)
        complete = json.loads(json.dumps(known), object_hook=_completed)
        timeline = otio.core.deserialize_json_from_string(json.dumps(complete))
    except ValidationError as error:
        first = error.errors()[0]
        raise RenderError("bad_manifest", first["msg"], pointer=_pointer(first["loc"])) from error
    except (ValueError, KeyError, otio.exceptions.OTIOError) as error:
        raise RenderError("bad_manifest", f"OpenTimelineIO cannot read the timeline: {error}") from error
    return model, timeline


def _refuse_excess(document: dict[str, Any]) -> None:
    """Refuse what would be slow or dangerous to parse, in one flat walk: too many clips, too deep, not-a-number."""
    clips = 0
    waiting: list[tuple[Any, tuple[Any, ...], int]] = [(document, (), 0)]
    while waiting:
        node, trail, depth = waiting.pop()
        if depth > _JSON_DEPTH:
            raise RenderError("bad_manifest", f"the timeline is nested more than {_JSON_DEPTH} levels deep")
        if isinstance(node, float) and not math.isfinite(node):
            raise RenderError("bad_manifest", f"{node} is not a number of this world", pointer=_trail(trail))
        if isinstance(node, dict):
            clips += str(node.get("OTIO_SCHEMA", "")).startswith("Clip.")
            waiting.extend((value, (trail, key), depth + 1) for key, value in node.items())
        elif isinstance(node, list):
            waiting.extend((value, (trail, index), depth + 1) for index, value in enumerate(node))
    if clips > MAX_CLIPS:
        raise RenderError(
            "too_many_clips",
            f"the timeline has {clips} clips; at most {MAX_CLIPS} can be rendered at once",
            hint="render it in parts and join them",
        )


def _trail(trail: tuple[Any, ...]) -> str:
    keys: list[str] = []
    while trail:
        trail, key = trail
        keys.append(str(key))
    return "/" + "/".join(reversed(keys))


def _translated(node: dict[str, Any]) -> dict[str, Any]:
    """Nodes of older and of newer releases of OTIO, as the one here and our schema name them."""
    match node.get("OTIO_SCHEMA"):
        case "Sequence.1":
            return {**node, "OTIO_SCHEMA": "Track.1"}
        case "Marker.3":  # its colour is no name any more; nothing here looks at it
            return {**{key: node[key] for key in node if key != "color"}, "OTIO_SCHEMA": "Marker.2"}
    return node


def _completed(node: dict[str, Any]) -> dict[str, Any]:
    """The node with the fields that OTIO demands and documents of other tools, seed 000's included, leave out."""
    return {**_DEMANDED.get(str(node.get("OTIO_SCHEMA")), {}), **node}


def _pointer(location: tuple[int | str, ...]) -> str:
    """A pydantic location without the tags that unions add after a list index."""
    tags = {"Clip", "Gap", "Transition", "Stack", "Track"}
    parts = list(location[:1])
    parts += [part for before, part in pairwise(location) if not (isinstance(before, int) and part in tags)]
    return "/" + "/".join(str(part) for part in parts)
