"""The object store on Cloud Storage: signed URLs (V4), resumable sessions, and the server's own reads and writes."""

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials, Signing
from google.auth.crypt import RSASigner, Signer
from google.cloud.storage import Client
from google.cloud.storage.retry import DEFAULT_RETRY
from requests import RequestException

from functions.backends.gcp.failures import unavailable_as_ours
from functions.backends.gcp.iam import IamCredentials, IamSigner
from functions.errors import Contention, NotFound
from functions.ports import ObjectInfo, SignedUpload, UploadBinding
from functions.settings import Settings

CHUNK_BYTES = 8 * 1024**2
"""What a write holds in memory; Google's client takes 100 MiB unless told."""
READ_BYTES = 1024**2

_SERVICE = "Cloud Storage"
_RPC_SECONDS = 15.0
_RETRY = DEFAULT_RETRY.with_timeout(30.0)
"""For every call here: each names its object and leaves the same state when repeated."""
_DELETE_THREADS = 8
_KEY_FILE_ACCOUNT = "deskrun-development@localhost"


class GcsObjectStore:
    """Objects of ``settings.gcs_bucket``. ``signer`` signs URLs; without it settings decide: a key file, else IAM."""

    def __init__(self, settings: Settings, *, signer: Signing | None = None) -> None:
        self.bucket = settings.gcs_bucket
        self._endpoint = settings.storage_emulator_host
        self._client = _client(settings)
        self._bucket = self._client.bucket(settings.gcs_bucket)
        self._settings = settings
        self._signer = signer

    def sign_upload(self, name: str, binding: UploadBinding, *, expires_seconds: int) -> SignedUpload:
        """A URL for one PUT. With a size it never overwrites; every header is under the signature.

        ``max_bytes`` is not bound: only ``x-goog-content-length-range`` could, and a client that follows the seed's
        guide sends no such header. What is too large is refused when the upload is to count.
        """
        headers: dict[str, str] = {}
        if binding.content_type is not None:
            headers["Content-Type"] = binding.content_type
        if binding.size_bytes is not None:
            headers["x-goog-content-length-range"] = f"{binding.size_bytes},{binding.size_bytes}"
            headers["x-goog-if-generation-match"] = "0"
        if binding.crc32c is not None:
            headers["x-goog-hash"] = f"crc32c={binding.crc32c}"
        url = self._sign(name, "PUT", expires_seconds, headers=dict(headers))
        return SignedUpload(url=url, headers=headers)

    def start_resumable(self, name: str, binding: UploadBinding) -> SignedUpload:
        """A session that the server opens, so that type, size, checksum and generation 0 are bound by Cloud Storage.

        ``errors.Contention`` when the object is there already.
        """
        if binding.content_type is None or binding.size_bytes is None:
            raise ValueError("a resumable upload needs a content type and a size")
        blob = self._bucket.blob(name)
        if binding.crc32c is not None:
            blob.crc32c = binding.crc32c
        with _answering():
            try:
                url = blob.create_resumable_upload_session(
                    content_type=binding.content_type,
                    size=binding.size_bytes,
                    if_generation_match=0,
                    checksum=None,
                    timeout=_RPC_SECONDS,
                    retry=_RETRY,
                )
            except exceptions.PreconditionFailed as error:
                raise Contention(f"There already is an object {name}.") from error
        return SignedUpload(url=url)

    def sign_download(self, name: str, *, expires_seconds: int, file_name: str | None = None) -> str:
        """A URL that answers GET and HEAD with Range; ``file_name`` sets the name a browser saves it under."""
        disposition = _attachment(file_name) if file_name is not None else None
        return self._sign(name, "GET", expires_seconds, response_disposition=disposition)

    def stat(self, name: str) -> ObjectInfo | None:
        """What Cloud Storage has under ``name``."""
        blob = self._find(name)
        return None if blob is None else _info(blob)

    def write(self, name: str, data: BinaryIO, *, content_type: str) -> ObjectInfo:
        """Store a stream under ``name``, replacing what is there; small ones in one request."""
        blob = self._bucket.blob(name, chunk_size=CHUNK_BYTES)
        with _answering():
            blob.upload_from_file(
                data,
                size=_remaining_bytes(data),
                content_type=content_type,
                checksum="crc32c",
                timeout=_RPC_SECONDS,
                retry=_RETRY,
            )
        return _info(blob)

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Read one generation of the object as a seekable stream; ``errors.NotFound`` if it is not there, or gone."""
        blob = self._find(name)
        if blob is None:
            raise _no_object(name)
        reader = blob.open(
            "rb", chunk_size=READ_BYTES, if_generation_match=blob.generation, timeout=_RPC_SECONDS, retry=_RETRY
        )
        with _answering(), reader:
            try:
                yield reader
            except (exceptions.NotFound, exceptions.PreconditionFailed) as error:
                raise _no_object(name) from error

    def delete(self, name: str) -> None:
        """Remove the object if it is there."""
        with _answering():
            try:
                self._bucket.blob(name).delete(timeout=_RPC_SECONDS, retry=_RETRY)
            except exceptions.NotFound:
                return

    def delete_prefix(self, prefix: str) -> int:
        """Remove every object whose name starts with ``prefix``; how many there were."""
        with _answering():
            blobs = self._client.list_blobs(
                self._bucket, prefix=prefix, fields="items(name),nextPageToken", timeout=_RPC_SECONDS, retry=_RETRY
            )
            names = [blob.name for blob in blobs]
        with ThreadPoolExecutor(_DELETE_THREADS) as pool:
            list(pool.map(self.delete, names))
        return len(names)

    def _find(self, name: str) -> Any:
        with _answering():
            return self._bucket.get_blob(name, timeout=_RPC_SECONDS, retry=_RETRY)

    def _sign(self, name: str, method: str, expires_seconds: int, **bound: Any) -> str:
        if self._signer is None:
            self._signer = _signer(self._settings)
        url: str = self._bucket.blob(name).generate_signed_url(
            version="v4",
            method=method,
            expiration=timedelta(seconds=expires_seconds),
            credentials=self._signer,
            api_access_endpoint=self._endpoint,
            **bound,
        )
        return url


def ensure_bucket(settings: Settings) -> None:
    """Make the bucket where it is missing: the stand-in starts empty. In the cloud Terraform makes it."""
    with _answering():
        try:
            _client(settings).create_bucket(settings.gcs_bucket, timeout=_RPC_SECONDS, retry=_RETRY)
        except exceptions.Conflict:
            return


class _KeyFileSigner(Signing):
    """Signs with a key from a file: what the stand-in verifies, where there is no IAM."""

    def __init__(self, path: Path, account: str) -> None:
        self._key: Signer = RSASigner.from_string(path.read_text())
        self._account = account

    def sign_bytes(self, message: bytes) -> bytes:
        """No network."""
        signature: bytes = self._key.sign(message)
        return signature

    @property
    def signer_email(self) -> str:
        """The account that the URL names."""
        return self._account

    @property
    def signer(self) -> Signer:
        """The key."""
        return self._key


def _signer(settings: Settings) -> Signing:
    if settings.signing_key_file is not None:
        return _KeyFileSigner(settings.signing_key_file, settings.signing_service_account or _KEY_FILE_ACCOUNT)
    return IamSigner(IamCredentials(), settings.signing_service_account)


def _client(settings: Settings) -> Any:
    if settings.storage_emulator_host:
        return Client(
            project=settings.gcp_project_id,
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": settings.storage_emulator_host},
        )
    return Client(project=settings.gcp_project_id)


@contextmanager
def _answering() -> Iterator[None]:
    with unavailable_as_ours(_SERVICE, RequestException):
        yield


def _info(blob: Any) -> ObjectInfo:
    return ObjectInfo(
        name=blob.name,
        size_bytes=blob.size,
        crc32c=blob.crc32c,
        content_type=blob.content_type,
        created_at=blob.time_created,
    )


def _no_object(name: str) -> NotFound:
    return NotFound(f"There is no object {name}.")


def _remaining_bytes(data: BinaryIO) -> int | None:
    """How much of a stream is left, if it can tell; with it a small object is one request instead of two."""
    if not data.seekable():
        return None
    here = data.tell()
    size_bytes = data.seek(0, io.SEEK_END) - here
    data.seek(here)
    return size_bytes


def _attachment(file_name: str) -> str:
    """The Content-Disposition of a download, readable by old and new browsers (RFC 6266, section 4.3)."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in file_name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file_name, safe='')}"
