"""Whether a file is the asset that a manifest means. Used by the cache and the overrides."""

from schemas.renders import AssetIntegrity
from worker.checksums import Checksums


def differs(found: Checksums, wanted: AssetIntegrity) -> str | None:
    """The first property in which the file is not what the manifest says, or None. What is not stated cannot differ."""
    if wanted.size_bytes is not None and wanted.size_bytes != found.size_bytes:
        return f"size is {found.size_bytes}, not {wanted.size_bytes} bytes"
    if wanted.crc32c is not None and wanted.crc32c != found.crc32c:
        return f"crc32c is {found.crc32c}, not {wanted.crc32c}"
    if wanted.sha256 is not None and wanted.sha256 != found.sha256:
        return f"sha256 is {found.sha256}, not {wanted.sha256}"
    return None


def is_proof(wanted: AssetIntegrity) -> bool:
    """Whether the manifest says enough to know an asset by its content alone."""
    return wanted.crc32c is not None or wanted.sha256 is not None
