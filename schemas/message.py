"""Frozen bases of every wire model: what a caller sends, what a server answers, and how times travel."""

import json
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, JsonValue


def _as_utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


UtcTime = Annotated[AwareDatetime, AfterValidator(_as_utc)]
"""An aware time, normalised to UTC; on the wire ISO 8601 with a ``Z``."""

MAX_NOTES_LENGTH = 64 * 1024


def _storable(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    # JSON has no NaN, but parsers let it in; and a record with everything in it is at most 1 MiB.
    if len(json.dumps(value, allow_nan=False)) > MAX_NOTES_LENGTH:
        raise ValueError(f"is over {MAX_NOTES_LENGTH} characters of JSON")
    return value


Notes = Annotated[dict[str, JsonValue], Field(max_length=64), AfterValidator(_storable)]
"""A JSON object of the caller's own, returned as given: at most 64 members, 64 Ki characters as ASCII JSON text."""


class Request(BaseModel):
    """Base of everything a caller sends: unknown fields are an error, so a typing mistake is never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Response(BaseModel):
    """Base of everything a server answers: unknown fields are ignored, so an older client reads a newer server."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Answer(Response):
    """Envelope of a successful answer of seed 000: ``ok`` is always true (errors are ``Problem`` documents)."""

    ok: bool = True


class Deleted(Answer):
    """The thing is gone."""


class Page(Request):
    """Query of a listing: newest first, ``limit`` rows from ``offset``."""

    limit: int = Field(default=50, ge=1, le=100)
    offset: int = Field(default=0, ge=0, le=100_000)
