"""Documents to Firestore's wire values and back; `documents` is the only caller.

It refuses what Firestore would refuse, before anything is sent: https://firebase.google.com/docs/firestore/quotas
"""

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from google.cloud.firestore_v1 import types

from functions.ports import Document

MAX_DEPTH = 20

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REFUSED_NAME = re.compile(r"(__.*__)?", re.DOTALL)
_SCALARS = (
    (bool, "boolean_value"),  # before int, which it is too
    (int, "integer_value"),
    (float, "double_value"),
    (str, "string_value"),
)
_DOCUMENT = types.Document.pb()
"""The protocol buffer class behind Google's wrapper; the wrapper costs more than the rest of a read."""
_VALUE = types.Value.pb()


def to_fields(name: str, document: Document) -> types.Document:
    """The document under its full resource name; ValueError or TypeError for what Firestore cannot hold."""
    message = _DOCUMENT(name=name)
    _fill_map(message.fields, document, 1)
    wrapped: types.Document = types.Document.wrap(message)
    return wrapped


def from_fields(document: types.Document) -> Document:
    """What `to_fields` stored."""
    fields = types.Document.pb(document).fields
    return {field: _read(value) for field, value in fields.items()}


def to_value(value: Any) -> types.Value:
    """One value as a query compares it."""
    message = _VALUE()
    _fill(message, value, 1)
    wrapped: types.Value = types.Value.wrap(message)
    return wrapped


def _fill(target: Any, value: Any, depth: int) -> None:
    """Set ``target`` to ``value``, which would be the ``depth``-th map or array from the document down."""
    match value:
        case None:
            target.null_value = 0
        case bool() | int() | float() | str():
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"{value} is not JSON")
            scalar = next(name for kind, name in _SCALARS if isinstance(value, kind))
            setattr(target, scalar, value)
        case datetime():
            if value.tzinfo is None:
                raise ValueError("a stored time needs its zone")
            target.timestamp_value.FromDatetime(value.astimezone(UTC))
        case list() | dict():
            _fill_container(target, value, depth)
        case _:
            raise TypeError(f"{type(value).__name__} is not a value of documents")


def _fill_container(target: Any, value: list[Any] | dict[str, Any], depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ValueError(f"a document is nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, dict):
        target.map_value.SetInParent()
        _fill_map(target.map_value.fields, value, depth + 1)
        return
    if any(isinstance(item, list) for item in value):
        raise ValueError("Firestore has no arrays directly inside arrays")
    target.array_value.SetInParent()
    for item in value:
        _fill(target.array_value.values.add(), item, depth + 1)


def _fill_map(fields: Any, value: dict[str, Any], depth: int) -> None:
    for key, item in value.items():
        if _REFUSED_NAME.fullmatch(key):
            raise ValueError(f"Firestore has no field named {key!r}")
        _fill(fields[key], item, depth)


def _read(value: Any) -> Any:
    kind = value.WhichOneof("value_type")
    match kind:
        case "map_value":
            return {key: _read(item) for key, item in value.map_value.fields.items()}
        case "array_value":
            return [_read(item) for item in value.array_value.values]
        case "timestamp_value":
            stamp = value.timestamp_value
            return _EPOCH + timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1000)
        case "null_value":
            return None
        case _:
            return getattr(value, kind)
