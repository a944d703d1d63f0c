"""Signed uploads, the same three steps everywhere: ask for a URL, PUT the bytes, tell the server to look."""

from pydantic import Field, ValidationInfo, field_validator

from schemas.ids import ContentType, Crc32c, FileName, GcsPath
from schemas.message import Answer, Request


class UploadRequest(Request):
    """What the caller knows about the bytes; all that is given is bound into the signed URL.

    ``resumable`` needs ``size_bytes``; the answer's ``upload_url`` is then a session that takes chunked PUTs with
    ``Content-Range`` (the Cloud Storage resumable protocol). ``filename`` only informs where the server fixes the name.
    """

    filename: FileName | None = None
    content_type: ContentType | None = None
    size_bytes: int | None = Field(default=None, ge=1)
    crc32c: Crc32c | None = None
    resumable: bool = False

    @field_validator("resumable")
    @classmethod
    def _of_known_size(cls, resumable: bool, given: ValidationInfo) -> bool:  # noqa: FBT001 - pydantic's signature
        if resumable and given.data.get("size_bytes") is None:
            raise ValueError("a resumable upload needs size_bytes")
        return resumable


class UploadTicket(Answer):
    """Where to PUT the bytes. Send every one of ``headers`` unchanged, or the store refuses the upload."""

    upload_url: str = Field(repr=False)
    gcs_path: GcsPath
    expires_in: int
    """Seconds."""
    headers: dict[str, str] = Field(default_factory=dict)
    resumable: bool = False


class DownloadTicket(Answer):
    """Where to GET the bytes; ``Range`` is understood."""

    url: str = Field(repr=False)
    expires_in: int
    """Seconds."""
