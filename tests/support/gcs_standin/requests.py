"""What both APIs read from a request: parameters, preconditions, metadata and promises, none of it ignored.

A parameter, header or field that would change the outcome and is not provided here is refused with 501, so
that no test passes because the stand-in looked away.
"""

import json
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from starlette.requests import Request

from .errors import StorageError
from .objects import WRITABLE_FIELDS, Metadata, Preconditions
from .signature import query_parameters
from .staging import Promise, canonical_digest

# They shape the answer's JSON or name who pays; the whole resource is always a right answer.
_HARMLESS_PARAMETERS = {"alt", "fields", "key", "prettyPrint", "projection", "userProject", "uploadType"}
_PRECONDITION_PARAMETERS = {"ifGenerationMatch", "ifGenerationNotMatch", "ifMetagenerationMatch"}
_READ_ONLY_FIELDS = {
    "acl", "bucket", "componentCount", "crc32c", "etag", "generation", "id", "kind", "md5Hash", "mediaLink",
    "metageneration", "name", "owner", "selfLink", "size", "timeCreated", "timeStorageClassUpdated",
    "updated",
}  # fmt: skip
_XML_HEADERS = {
    "x-goog-api-client",
    "x-goog-content-length-range",
    "x-goog-content-sha256",
    "x-goog-hash",
    "x-goog-if-generation-match",
    "x-goog-if-metageneration-match",
    "x-goog-resumable",
}


def parameters(request: Request, *allowed: str) -> dict[str, str]:
    """The decoded query; StorageError 501 for a parameter neither allowed nor harmless."""
    found = query_parameters(request.scope["query_string"].decode("ascii"))
    _refuse_unknown("query parameter", found, _HARMLESS_PARAMETERS.union(allowed))
    return found


def conditional_parameters(request: Request, *allowed: str) -> tuple[dict[str, str], Preconditions]:
    """As `parameters`, with the JSON API's preconditions read out."""
    found = parameters(request, *allowed, *_PRECONDITION_PARAMETERS)
    conditions = Preconditions(
        generation=number(found.get("ifGenerationMatch"), "ifGenerationMatch"),
        generation_not=number(found.get("ifGenerationNotMatch"), "ifGenerationNotMatch"),
        metageneration=number(found.get("ifMetagenerationMatch"), "ifMetagenerationMatch"),
    )
    return found, conditions


def number(text: str | None, name: str) -> int | None:
    """A non-negative integer, None for None; StorageError 400 for anything else."""
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        raise StorageError("InvalidArgument", f"Invalid value for {name}: {text}")
    return int(text)


async def json_body(request: Request) -> dict[str, Any]:
    """The JSON object in the body, empty for no body."""
    body = await request.body()
    try:
        value = json.loads(body or b"{}")
    except ValueError:
        raise StorageError("InvalidArgument", "The body is not JSON.") from None
    if not isinstance(value, dict):
        raise StorageError("InvalidArgument", "The body is not a JSON object.")
    return value


def resource_metadata(resource: dict[str, Any]) -> Metadata:
    """What an object resource says about the object; read-only fields are dropped, as Cloud Storage does."""
    settable = {name: value for name, value in resource.items() if value is not None}
    if settable.get("storageClass") == "STANDARD":
        del settable["storageClass"]
    _refuse_unknown("object field", settable, _READ_ONLY_FIELDS | {*WRITABLE_FIELDS, "metadata"})
    fields = {name: str(settable[name]) for name in WRITABLE_FIELDS if name in settable}
    own = settable.get("metadata", {})
    return Metadata(fields, {key: str(value) for key, value in own.items() if value is not None})


def resource_promise(resource: dict[str, Any]) -> Promise:
    """The digests an object resource declares for the bytes that follow."""
    digests = {
        algorithm: canonical_digest(str(resource[name]), algorithm) if resource.get(name) else None
        for algorithm, name in (("crc32c", "crc32c"), ("md5", "md5Hash"))
    }
    return Promise(crc32c=digests["crc32c"], md5=digests["md5"])


def header_preconditions(request: Request) -> Preconditions:
    """The XML API's preconditions."""
    generation, metageneration = (
        number(request.headers.get(name), name)
        for name in ("x-goog-if-generation-match", "x-goog-if-metageneration-match")
    )
    return Preconditions(generation=generation, metageneration=metageneration)


def header_metadata(request: Request) -> Metadata:
    """What the XML API's headers say about the object."""
    headers = {
        "contentType": "content-type",
        "contentDisposition": "content-disposition",
        "contentEncoding": "content-encoding",
        "contentLanguage": "content-language",
        "cacheControl": "cache-control",
    }
    fields = {name: request.headers[header] for name, header in headers.items() if header in request.headers}
    prefix = "x-goog-meta-"
    own = {name.removeprefix(prefix): value for name, value in request.headers.items() if name.startswith(prefix)}
    return Metadata(fields, own)


def header_promise(request: Request) -> Promise:
    """What the XML API's headers promise about the bytes."""
    promise = Promise().with_hashes(request.headers.getlist("x-goog-hash"))
    if "content-md5" in request.headers:
        promise = replace(promise, md5=canonical_digest(request.headers["content-md5"], "md5"))
    length_range = request.headers.get("x-goog-content-length-range")
    if length_range is None:
        return promise
    smallest, _, largest = length_range.partition(",")
    name = "x-goog-content-length-range"
    low, high = number(smallest.strip(), name), number(largest.strip(), name)
    return replace(promise, smallest_bytes=low or 0, largest_bytes=high)


def refuse_unknown_headers(request: Request) -> None:
    """StorageError 501 for an x-goog- header, or an HTTP precondition, that is not provided here."""
    names = {
        name
        for name in request.headers
        if name in {"if-match", "if-unmodified-since"}
        or (name.startswith("x-goog-") and not name.startswith("x-goog-meta-"))
    }
    _refuse_unknown("header", names, _XML_HEADERS)


def _refuse_unknown(kind: str, names: Collection[str], known: Collection[str]) -> None:
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise StorageError("NotImplemented", f"The stand-in does not provide the {kind} {', '.join(unknown)}.")
