"""The three-step upload, for every resource: issue a bound URL, then look at the object itself before it counts."""

from datetime import datetime

from functions.errors import UploadMismatch, UploadMissing
from functions.ports import RESUMABLE_SECONDS, ObjectInfo, Services, UploadBinding
from schemas.uploads import DownloadTicket, UploadRequest, UploadTicket


def issue_upload(
    services: Services,
    object_name: str,
    request: UploadRequest,
    *,
    max_bytes: int,
    default_content_type: str | None = None,
) -> UploadTicket:
    """A ticket for ``object_name``, bound to everything the request tells of the bytes."""
    content_type = request.content_type or (default_content_type if request.resumable else None)
    binding = UploadBinding(content_type, request.size_bytes, request.crc32c, max_bytes=max_bytes)
    if request.resumable:
        seconds = RESUMABLE_SECONDS
        signed = services.objects.start_resumable(object_name, binding)
    else:
        seconds = services.settings.url_seconds
        signed = services.objects.sign_upload(object_name, binding, expires_seconds=seconds)
    return UploadTicket(
        upload_url=signed.url,
        gcs_path=gcs_path(services, object_name),
        expires_in=seconds,
        headers=dict(signed.headers),
        resumable=request.resumable,
    )


def issue_download(services: Services, object_name: str, file_name: str) -> DownloadTicket:
    """A ticket to GET ``object_name``, to be saved as ``file_name``."""
    seconds = services.settings.url_seconds
    url = services.objects.sign_download(object_name, expires_seconds=seconds, file_name=file_name)
    return DownloadTicket(url=url, expires_in=seconds)


def check_unchanged(services: Services, object_name: str, *, crc32c: str | None, created_at: datetime | None) -> None:
    """UploadMismatch when the object is not the one that counted.

    A URL signed for a caller who did not know the size takes another PUT until it expires. The time tells it even if
    the bytes were made to have the same crc32c, which is easy.
    """
    info = services.objects.stat(object_name)
    if info is None or (info.crc32c, info.created_at) != (crc32c, created_at):
        raise UploadMismatch("The bytes were replaced or removed after they had been accepted.")


def gcs_path(services: Services, object_name: str) -> str:
    """``gs://bucket/name``."""
    return f"gs://{services.objects.bucket}/{object_name}"


def check_upload(
    info: ObjectInfo | None,
    *,
    size_bytes: int | None = None,
    crc32c: str | None = None,
    max_bytes: int | None = None,
) -> ObjectInfo:
    """The object, if it exists and is what was announced; None stands for "nothing was announced"."""
    if info is None:
        raise UploadMissing("The object does not exist: PUT the bytes to the upload_url first.")
    if size_bytes is not None and size_bytes != info.size_bytes:
        raise UploadMismatch(f"The object has {info.size_bytes} bytes, announced were {size_bytes}.")
    if crc32c is not None and crc32c != info.crc32c:
        raise UploadMismatch(f"The object's crc32c is {info.crc32c}, announced was {crc32c}.")
    if max_bytes is not None and info.size_bytes > max_bytes:
        raise UploadMismatch(f"The object has {info.size_bytes} bytes; the limit is {max_bytes}.")
    return info
