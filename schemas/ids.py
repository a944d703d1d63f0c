"""Identifiers, file names and checksums as they may appear in paths, bodies and messages."""

from typing import Annotated

from pydantic import AfterValidator, StringConstraints


def _not_reserved(value: str) -> str:
    if len(value) >= 4 and value.startswith("__") and value.endswith("__"):
        raise ValueError("names like __this__ are reserved")
    return value


Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$"), AfterValidator(_not_reserved)]
"""Any id of ours. The pattern keeps ``..``, ``/``, ``%`` and control characters out of every store path.

Firestore refuses ``__.*__`` (https://firebase.google.com/docs/firestore/quotas), so no id is called so.
"""

ProjectId = Identifier
JobId = Identifier
AssetId = Identifier
VideoId = Identifier
WorkerId = Identifier

UserId = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00-\x20\x7f/]+$")]
"""The ``sub`` of a verified token; its shape is the issuer's, so only separators and controls are refused."""


def _plain_file_name(value: str) -> str:
    if value in {".", ".."} or any(c in value for c in "/\\") or any(ord(c) < 32 or ord(c) == 127 for c in value):
        raise ValueError("must be a plain file name: no path separators, no control characters")
    return value


MAX_FILE_NAME_LENGTH = 200
FileName = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_FILE_NAME_LENGTH), AfterValidator(_plain_file_name)
]
"""One path component as a person wrote it. Servers derive object names from it, they never join it as given."""

ContentType = Annotated[str, StringConstraints(max_length=127, pattern=r"^[A-Za-z0-9.+_-]+/[A-Za-z0-9.+_-]+$")]
"""A media type without parameters, such as ``video/mp4``."""

Crc32c = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{6}==$")]
"""CRC-32C as Cloud Storage writes it: base64 of the four big-endian bytes."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 in lower-case hexadecimal."""

GcsPath = Annotated[str, StringConstraints(max_length=1200, pattern=r"^gs://[a-z0-9._-]+/[^\x00-\x1f]+$")]
"""``gs://bucket/object`` as the control plane issued it."""
