"""Documents as JSON text and back, held to Firestore's limits; ``documents`` and ``document_queries`` use it."""

import json
import re
from datetime import UTC, datetime
from typing import Any

from functions.errors import TooLarge
from functions.ports import Document

# Firestore's rules: https://firebase.google.com/docs/firestore/quotas
MAX_DOCUMENT_BYTES = 1024 * 1024
_MAX_DEPTH = 20
_REFUSED_ID = re.compile(r"\.{0,2}|__.*__|.*/.*", re.DOTALL)
_REFUSED_NAME = re.compile(r"(__.*__)?", re.DOTALL)

_TIME_KEY = "$at"
TIME_PREFIX = f'{{"{_TIME_KEY}":"'
"""How the JSON of every datetime starts; the rest has a fixed width, so that text order is time order."""


def encode(collection: str, doc_id: str, document: Document) -> str:
    """The JSON text of a document.

    Raises ``TooLarge`` over 1 MiB as Firestore counts, ValueError or TypeError for what Firestore would refuse.
    """
    plain, size_bytes = _plain(document, 0)
    # https://firebase.google.com/docs/firestore/storage-size: names count one byte more each, documents 16 + 32.
    size_bytes += len(collection.encode()) + len(doc_id.encode()) + 2 + 16 + 32
    if size_bytes > MAX_DOCUMENT_BYTES:
        raise TooLarge(f"A document of {size_bytes} bytes is over the limit of {MAX_DOCUMENT_BYTES}.")
    return json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def check_id(doc_id: str) -> None:
    """ValueError for an id that no Firestore document can have."""
    if _REFUSED_ID.fullmatch(doc_id):
        raise ValueError(f"not a document id: {doc_id!r}")


def encode_time(value: datetime) -> str:
    """A datetime as it stands in the JSON text; ValueError when it is naive."""
    return f'{TIME_PREFIX}{_utc_text(value)}"}}'


def _plain(value: Any, depth: int) -> tuple[Any, int]:
    """What ``json`` takes for ``value``, and its bytes as Firestore counts them."""
    if value is None or isinstance(value, bool):
        return value, 1
    if isinstance(value, str):
        return value, len(value.encode()) + 1
    if isinstance(value, int | float):
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise ValueError(f"{value} does not fit into 64 bits")
        return value, 8
    if isinstance(value, datetime):
        return {_TIME_KEY: _utc_text(value)}, 8
    if depth > _MAX_DEPTH:
        raise ValueError(f"a document is nested more than {_MAX_DEPTH} levels deep")
    if isinstance(value, dict):
        return _plain_map(value, depth)
    if isinstance(value, list):
        if any(isinstance(item, list) for item in value):
            raise ValueError("Firestore has no arrays directly inside arrays")
        pairs = [_plain(item, depth + 1) for item in value]
        return [item for item, _ in pairs], sum(size for _, size in pairs)
    raise TypeError(f"{type(value).__name__} is not a value of documents")


def _plain_map(value: dict[str, Any], depth: int) -> tuple[dict[str, Any], int]:
    plain: dict[str, Any] = {}
    total_bytes = 0
    for name, item in value.items():
        if _REFUSED_NAME.fullmatch(name):
            raise ValueError(f"Firestore has no field named {name!r}")
        plain[name], size_bytes = _plain(item, depth + 1)
        total_bytes += len(name.encode()) + 1 + size_bytes
    if len(plain) == 1:
        name = next(iter(plain))
        if _looks_like_time(name):
            # A map of somebody's own that looks like a datetime of ours.
            plain = {"$" + name: plain[name]}
    return plain, total_bytes


def _looks_like_time(name: str) -> bool:
    return name.endswith(_TIME_KEY) and name.strip("$") == "at"


def _utc_text(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError("documents hold aware datetimes only")
    return value.astimezone(UTC).isoformat(timespec="microseconds")


def _restore(value: dict[str, Any]) -> Any:
    if len(value) == 1:
        name, item = next(iter(value.items()))
        if name == _TIME_KEY:
            return datetime.fromisoformat(item)
        if _looks_like_time(name):
            return {name[1:]: item}
    return value


decode = json.JSONDecoder(object_hook=_restore).decode
"""The document of a JSON text; datetimes are aware and UTC."""
