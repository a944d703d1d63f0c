"""Assets as stored, and the names of their objects."""

import re
from pathlib import PurePosixPath

from functions.domain.record import Created
from schemas.assets import Asset, AssetStatus, MediaProbe
from schemas.message import UtcTime

ASSETS = "assets"
_SAFE_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,10}")


class AssetRecord(Created):
    """A media file of a project. ``declared_*`` is what the uploader announced."""

    asset_id: str
    project_id: str
    asset_name: str
    asset_type: str
    object_name: str
    bucket: str
    status: AssetStatus
    declared_size_bytes: int | None = None
    declared_crc32c: str | None = None
    size_bytes: int | None = None
    crc32c: str | None = None
    sha256: str | None = None
    media: MediaProbe | None = None
    uploaded_at: UtcTime | None = None

    def view(self) -> Asset:
        """As the project's people see it."""
        shared = {name: getattr(self, name) for name in Asset.model_fields if name in type(self).model_fields}
        return Asset(**shared, asset_url=f"gs://{self.bucket}/{self.object_name}")


def object_name(project_id: str, asset_id: str, file_name: str) -> str:
    """Object name of an asset: ours, with at most the extension taken from the person's file name."""
    suffix = PurePosixPath(file_name).suffix
    return f"{project_id}/assets/{asset_id}{suffix.lower() if _SAFE_SUFFIX.fullmatch(suffix) else ''}"


def asset_id_of_object(name: str) -> str | None:
    """The asset an object belongs to, or None for any other object."""
    found = re.fullmatch(r"[A-Za-z0-9_-]{1,64}/assets/([A-Za-z0-9_-]{1,64})(\.[a-z0-9]{1,10})?", name)
    return found.group(1) if found else None
