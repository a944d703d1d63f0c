"""Reads request bodies within their limits. Called by ``endpoint`` only."""

import hashlib
import mimetypes
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import BinaryIO

from anyio import to_thread
from pydantic import TypeAdapter, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from functions.errors import InvalidRequest, TooLarge, UnsupportedMediaType
from schemas.errors import FieldError
from schemas.ids import ContentType, FileName

MULTIPART_OVERHEAD_BYTES = 64 * 1024
MAX_KEY_LENGTH = 128
BLOCK_BYTES = 1024 * 1024
UNKNOWN_TYPE = "application/octet-stream"
_NAMESPACE = uuid.UUID("7d1f6a52-7c57-4a3e-9a5c-d1b6b7d0c3aa")
_file_name: TypeAdapter[str] = TypeAdapter(FileName)
_content_type: TypeAdapter[str] = TypeAdapter(ContentType)


@dataclass(frozen=True)
class FormFile:
    """The ``file`` field of a multipart body; ``data`` is spooled to disk and valid during the call."""

    file_name: str
    content_type: str
    size_bytes: int
    sha256: str
    data: BinaryIO


@dataclass(frozen=True)
class RequestKey:
    """Identity of a creating request: with an ``Idempotency-Key`` the same request always makes the same id.

    ``fingerprint`` is stored with what was created, so that the key cannot be used for another request.
    """

    new_id: str
    fingerprint: str | None


def request_key(headers: Mapping[str, str], user_id: str, route: str, content: bytes) -> RequestKey:
    """The key of a request by ``user_id`` to ``route`` (method and concrete path)."""
    key = headers.get("idempotency-key")
    if key is None:
        return RequestKey(str(uuid.uuid4()), None)
    if not key.isascii() or not key.isprintable() or not 1 <= len(key) <= MAX_KEY_LENGTH:
        raise InvalidRequest("Idempotency-Key must be 1 to 128 visible ASCII characters.")
    identity = f"{user_id}\n{route}\n{key}"
    return RequestKey(str(uuid.uuid5(_NAMESPACE, identity)), hashlib.sha256(content).hexdigest())


async def read_limited(request: Request, max_bytes: int) -> bytes:
    """The whole body; TooLarge as soon as it is known to be over ``max_bytes``."""
    _check_declared_length(request, max_bytes)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > max_bytes:
            raise TooLarge(f"The body is over {max_bytes} bytes.")
        chunks.append(chunk)
    return b"".join(chunks)


@asynccontextmanager
async def read_form_file(request: Request, max_bytes: int) -> AsyncIterator[FormFile]:
    """The one file of a multipart body in field ``file``, spooled to disk beyond 1 MiB until the block ends."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise UnsupportedMediaType("Send multipart/form-data with the file in the field 'file'.")
    _check_declared_length(request, max_bytes + MULTIPART_OVERHEAD_BYTES)
    async with _parsed(request, max_bytes) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise InvalidRequest("There is no file in the field 'file'.", errors=[_missing("/file")])
        yield await to_thread.run_sync(_checked, file, max_bytes)


@asynccontextmanager
async def _parsed(request: Request, max_bytes: int) -> AsyncIterator[FormData]:
    size = 0

    async def limited() -> AsyncGenerator[bytes, None]:
        nonlocal size
        async for chunk in request.stream():
            size += len(chunk)
            if size > max_bytes + MULTIPART_OVERHEAD_BYTES:
                raise TooLarge(_too_large_form(max_bytes))
            yield chunk

    try:
        form = await MultiPartParser(request.headers, limited(), max_files=1, max_fields=10).parse()
    except (MultiPartException, KeyError, UnicodeError) as error:
        raise InvalidRequest(f"The multipart body cannot be read: {getattr(error, 'message', error)}.") from None
    try:
        yield form
    finally:
        await form.close()


def _checked(file: UploadFile, max_bytes: int) -> FormFile:
    size_bytes = file.size or 0
    if size_bytes > max_bytes:
        raise TooLarge(_too_large_form(max_bytes))
    if size_bytes == 0:
        raise InvalidRequest("The file is empty.", errors=[FieldError(pointer="/file", message="empty")])
    try:
        name = _file_name.validate_python(file.filename or "")
        declared = (file.content_type or UNKNOWN_TYPE).partition(";")[0].strip()
        media_type = (mimetypes.guess_type(name)[0] or declared) if declared == UNKNOWN_TYPE else declared
        digest = hashlib.sha256()
        while block := file.file.read(BLOCK_BYTES):
            digest.update(block)
        file.file.seek(0)
        return FormFile(name, _content_type.validate_python(media_type), size_bytes, digest.hexdigest(), file.file)
    except ValidationError as error:
        message = error.errors()[0]["msg"]
        raise InvalidRequest(
            "The file's name or content type is not acceptable.",
            errors=[FieldError(pointer="/file", message=message)],
        ) from None


def _missing(pointer: str) -> FieldError:
    return FieldError(pointer=pointer, message="missing")


def _too_large_form(max_bytes: int) -> str:
    return (
        f"A multipart upload is at most {max_bytes} bytes. Ask POST .../assets/upload-url for a signed URL and "
        "PUT the bytes there."
    )


def _check_declared_length(request: Request, max_bytes: int) -> None:
    declared = request.headers.get("content-length", "0")
    if not declared.isdigit():
        raise InvalidRequest("Content-Length is not a number.")
    if int(declared) > max_bytes:
        raise TooLarge(
            f"The body is over {max_bytes} bytes.",
            hint="Large files go to the signed URL of an upload-url call, not through the control plane.",
        )
