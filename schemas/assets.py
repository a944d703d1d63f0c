"""Assets: media files of a project."""

from enum import StrEnum

from pydantic import Field

from schemas.ids import AssetId, ContentType, Crc32c, FileName, GcsPath, Sha256
from schemas.message import Answer, Request, Response, UtcTime
from schemas.uploads import UploadRequest, UploadTicket


class AssetStatus(StrEnum):
    """Whether an asset's bytes can be used."""

    PENDING = "pending"
    """An upload URL was issued; the bytes have not been confirmed."""
    READY = "ready"
    """The server has seen the object; size and crc32c are its own reading."""


class StreamProbe(Response):
    """One stream of a media file. Sizes in pixels, rates per second."""

    kind: str
    """``video``, ``audio``, ``subtitle`` or ``data``."""
    codec: str
    width: int | None = None
    height: int | None = None
    frame_rate: float | None = None
    sample_rate: int | None = None
    channels: int | None = None


class MediaProbe(Response):
    """What could be read from a media file's header; ``duration_seconds`` is null for stills."""

    container: str
    duration_seconds: float | None
    streams: list[StreamProbe]


class Asset(Response):
    """A media file of a project. ``asset_url`` is its ``gs://`` path."""

    asset_id: AssetId
    asset_name: str
    asset_type: ContentType
    asset_url: GcsPath
    status: AssetStatus
    size_bytes: int | None
    crc32c: Crc32c | None
    sha256: Sha256 | None
    """As computed by the server (multipart) or declared by the uploader."""
    media: MediaProbe | None
    uploaded_at: UtcTime | None
    created_at: UtcTime


class AssetUploadRequest(UploadRequest):
    """``POST /projects/{p}/assets/upload-url``: here ``filename``, ``content_type`` and ``size_bytes`` are required."""

    filename: FileName
    content_type: ContentType
    size_bytes: int = Field(ge=1)


class AssetUploadTicket(UploadTicket):
    """An upload ticket and the id the asset will have."""

    asset_id: AssetId


class CompleteAsset(Request):
    """``POST .../assets/{a}/complete``: what the uploader says it sent; the server compares it with the object."""

    size_bytes: int | None = Field(default=None, ge=1)
    crc32c: Crc32c | None = None
    sha256: Sha256 | None = None


class AssetAnswer(Answer):
    """One asset."""

    asset: Asset


class AssetList(Answer):
    """A project's assets, newest first."""

    assets: list[Asset]
    total: int
