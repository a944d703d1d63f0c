"""What Firestore cannot hold is refused before it is sent; what it can comes back as it was."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from google.api_core.exceptions import InvalidArgument

from functions.backends.gcp import document_values
from functions.backends.gcp.document_values import MAX_DEPTH, from_fields, to_fields
from functions.backends.gcp.documents import FirestoreDocumentStore


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"x": value}
    return value


def test_a_document_comes_back_with_plain_times_in_utc() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone(timedelta(hours=2)))
    document = {
        "text": "é",
        "whole": -(2**63),
        "broken": 0.1,
        "yes": True,
        "nothing": None,
        "empty": {},
        "none": [],
        "at": at,
        "list": [1, {"at": at, "inner": ["a"]}],
    }

    restored = from_fields(to_fields("name", document))

    assert restored == document
    assert type(restored["at"]) is datetime
    assert restored["at"].tzinfo is UTC
    assert type(restored["yes"]) is bool


@pytest.mark.parametrize(
    "value",
    [
        [[1]],
        {"__x__": 1},
        {"": 1},
        2**63,
        float("nan"),
        nested(MAX_DEPTH + 1),
        {"x": [nested(MAX_DEPTH - 1)]},
        datetime(2026, 1, 1),  # noqa: DTZ001 - without a zone is the point
        "\ud800",
    ],
    ids=[
        "array in array",
        "reserved name",
        "empty name",
        "65 bits",
        "nan",
        "too deep",
        "too deep in a list",
        "naive time",
        "half a pair",
    ],
)
def test_a_value_that_firestore_would_refuse_is_refused(value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the words are for the log
        to_fields("name", {"field": value})


def test_a_type_that_is_not_json_is_refused() -> None:
    with pytest.raises(TypeError, match="set is not a value"):
        to_fields("name", {"field": {1}})


def test_firestore_itself_draws_the_line_of_nesting_where_we_draw_it(
    document_store: FirestoreDocumentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    deepest = {"field": nested(MAX_DEPTH)}
    document_store.transaction(lambda tx: tx.put("notes", "n", deepest))
    assert document_store.get("notes", "n") == deepest

    monkeypatch.setattr(document_values, "MAX_DEPTH", MAX_DEPTH + 1)
    with pytest.raises(InvalidArgument, match="nested"):
        document_store.transaction(lambda tx: tx.put("notes", "n", {"field": nested(MAX_DEPTH + 1)}))
