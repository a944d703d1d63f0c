"""What an object is to either API: its metadata, its headers, the preconditions on it; `store` keeps them."""

import base64
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import Any

from .errors import StorageError

LONGEST_NAME_BYTES = 1024
WRITABLE_FIELDS = ("contentType", "contentDisposition", "contentEncoding", "contentLanguage", "cacheControl")


@dataclass(frozen=True)
class StoredObject:
    """One live object. ``fields`` holds writable metadata under its JSON API names; digests are base64."""

    bucket: str
    name: str
    generation: int
    metageneration: int
    size_bytes: int
    crc32c: str
    md5: str | None  # composite objects have none
    created_at: datetime
    updated_at: datetime
    fields: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    component_count: int | None = None

    @property
    def content_type(self) -> str:
        return self.fields.get("contentType", "application/octet-stream")

    @property
    def etag(self) -> str:
        """The XML API's: the MD5 in hex, where there is one."""
        if self.md5 is None:
            return f'"{self.generation}-{self.metageneration}"'
        return f'"{base64.b64decode(self.md5).hex()}"'

    def resource(self) -> dict[str, Any]:
        """The object as the JSON API shows it (https://cloud.google.com/storage/docs/json_api/v1/objects)."""
        resource: dict[str, Any] = {
            "kind": "storage#object",
            "id": f"{self.bucket}/{self.name}/{self.generation}",
            "bucket": self.bucket,
            "name": self.name,
            "generation": str(self.generation),
            "metageneration": str(self.metageneration),
            "size": str(self.size_bytes),
            "crc32c": self.crc32c,
            "etag": base64.b64encode(f"{self.generation}/{self.metageneration}".encode()).decode(),
            "storageClass": "STANDARD",
            "timeCreated": _timestamp(self.created_at),
            "updated": _timestamp(self.updated_at),
            **self.fields,
        }
        optional = {"md5Hash": self.md5, "metadata": self.metadata, "componentCount": self.component_count}
        return resource | {name: value for name, value in optional.items() if value}

    def headers(self) -> dict[str, str]:
        """The headers of a download or of an XML answer about this object, without Content-Length."""
        hashes = f"crc32c={self.crc32c}" + (f",md5={self.md5}" if self.md5 else "")
        headers = {
            "Content-Type": self.content_type,
            "ETag": self.etag,
            "Last-Modified": format_datetime(self.updated_at, usegmt=True),
            "x-goog-hash": hashes,
            "x-goog-generation": str(self.generation),
            "x-goog-metageneration": str(self.metageneration),
            "x-goog-stored-content-length": str(self.size_bytes),
            "x-goog-stored-content-encoding": self.fields.get("contentEncoding", "identity"),
            "x-goog-storage-class": "STANDARD",
        }
        shown = {
            "Content-Disposition": "contentDisposition",
            "Content-Encoding": "contentEncoding",
            "Content-Language": "contentLanguage",
            "Cache-Control": "cacheControl",
        }
        headers |= {header: self.fields[key] for header, key in shown.items() if key in self.fields}
        return headers | {f"x-goog-meta-{key}": value for key, value in self.metadata.items()}


@dataclass(frozen=True)
class Preconditions:
    """What must hold of the live object; None asks nothing. Generation 0 stands for no object."""

    generation: int | None = None
    generation_not: int | None = None
    metageneration: int | None = None

    def check(self, current: StoredObject | None, *, reading: bool = False) -> None:
        live = current.generation if current else 0
        if self.generation is not None and live != self.generation:
            raise StorageError("PreconditionFailed", f"Generation is {live}, not {self.generation}.")
        if self.generation_not is not None and live == self.generation_not:
            raise StorageError("NotModified" if reading else "PreconditionFailed", f"Generation is {live}.")
        if self.metageneration is not None and (current is None or current.metageneration != self.metageneration):
            raise StorageError("PreconditionFailed", "The metageneration differs.")


@dataclass(frozen=True)
class Metadata:
    """What a writer may say about an object: JSON API fields and its own key-value metadata."""

    fields: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)


def check_name(name: str) -> None:
    """Refuse what Cloud Storage refuses (https://cloud.google.com/storage/docs/objects#naming)."""
    too_long = len(name.encode()) > LONGEST_NAME_BYTES
    if not name or too_long or name in {".", ".."} or "\r" in name or "\n" in name:
        raise StorageError("InvalidArgument", f"Invalid object name: {name[:100]!r}")


def _timestamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
