"""What may be an id, a file name, a checksum or a path, and what may not."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from schemas.ids import ContentType, Crc32c, FileName, GcsPath, Identifier, Sha256, UserId
from schemas.message import MAX_NOTES_LENGTH, Notes

GOOD: list[tuple[Any, object]] = [
    (Identifier, "a"),
    (Identifier, "A-z_9" * 12),
    (Identifier, "__a"),
    (Identifier, "___"),
    (UserId, "auth0|5f7c8ec7c33c6c004bbafe82"),
    (UserId, "anna@example.org"),
    (FileName, "Größe & co (1).mp4"),
    (FileName, "..hidden"),
    (ContentType, "image/svg+xml"),
    (Crc32c, "AAAAAA=="),
    (Sha256, "0" * 64),
    (GcsPath, "gs://my-bucket/a b/c"),
    (Notes, {"a": [1, None, {"b": "c"}]}),
]
BAD: list[tuple[Any, object]] = [
    *((Identifier, bad) for bad in ["", "a" * 65, "a/b", "..", "a.b", "a\n", "é", "a b", "__a__", "____", "a%2f", 7]),
    *((UserId, bad) for bad in ["", "a/b", "a b", "a\n", "a" * 129, "a\x7f"]),
    *((FileName, bad) for bad in ["", ".", "..", "a/b", "a\\b", "a\nb", "a\x00", "a" * 201]),
    *((ContentType, bad) for bad in ["video", "video/", "a/b; c=d", "a/b\r\nX: y", "a/" + "b" * 126]),
    *((Crc32c, bad) for bad in ["", "AAAAAA", "AAAAAAA==", "AAAAA!=="]),
    *((Sha256, bad) for bad in ["0" * 63, "A" * 64]),
    *((GcsPath, bad) for bad in ["https://a/b", "gs://a", "gs://a/", "gs://A/b", "gs://a/b\n", "gs:///b"]),
    (Notes, {str(n): n for n in range(65)}),
    (Notes, {"a": "x" * MAX_NOTES_LENGTH}),
    (Notes, {"a": float("nan")}),
    (Notes, {"a": [float("inf")]}),
]


@pytest.mark.parametrize(("kind", "value"), GOOD)
def test_accepted(kind: Any, value: object) -> None:
    assert TypeAdapter(kind).validate_python(value) == value


@pytest.mark.parametrize(("kind", "value"), BAD)
def test_refused(kind: Any, value: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(value)
