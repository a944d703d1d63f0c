"""``Range`` of downloads (RFC 9110) and ``Content-Range`` of resumable uploads; ``object_server`` parses with it."""

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Self

from functions.backends.local.refusal import Refusal, bad_request
from schemas.errors import ErrorCode

_RANGE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*")
_CONTENT_RANGE = re.compile(r"bytes (?:(\d{1,18})-(\d{1,18}|\*)|\*)/(\d{1,18}|\*)")


def requested_range(header: str | None, size_bytes: int) -> tuple[int, int] | None:
    """First and last byte asked for; None means the whole object.

    Several ranges and malformed ones mean the whole, as RFC 9110 allows; 416 when the range begins past the end.
    """
    match = _RANGE.fullmatch(header) if header else None
    if match is None or match[0].strip() == "bytes=-":
        return None
    first_text, last_text = match.groups()
    if first_text:
        first = int(first_text)
        last = min(int(last_text), size_bytes - 1) if last_text else size_bytes - 1
        if last_text and int(last_text) < first:
            return None
    else:
        first, last = max(size_bytes - int(last_text), 0), size_bytes - 1
    if first >= size_bytes:
        detail = f"The object has {size_bytes} bytes."
        raise Refusal(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, ErrorCode.INVALID_REQUEST, detail)
    return first, last


@dataclass(frozen=True)
class ContentRange:
    """``bytes first-last/total``. ``first`` is None in a status query, ``last`` and ``total`` where unknown."""

    first: int | None
    last: int | None
    total: int | None

    @classmethod
    def parse(cls, header: str | None) -> Self:
        """The parsed header; without one the body is the whole object. 400 when it is malformed."""
        if header is None:
            return cls(0, None, None)
        match = _CONTENT_RANGE.fullmatch(header.strip())
        if match is None:
            raise bad_request(f"Content-Range is not understood: {header}")
        first, last, total = (int(text) if text and text != "*" else None for text in match.groups())
        return cls(first, last, total)
