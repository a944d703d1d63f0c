"""URLs that carry their own permission, by HMAC-SHA256; ``objects`` signs, ``object_server`` verifies."""

import hmac
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, urlencode

from functions.backends.local.refusal import forbidden
from functions.ports import Clock, UploadBinding

PATH = "/_objects"
_KEY_BYTES = 32


def load_key(path: Path) -> bytes:
    """The signing key in ``path``, made on first use; several processes that start at once agree on one."""
    with suppress(FileNotFoundError):
        return path.read_bytes()
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - Path.open takes no descriptor
        file.write(secrets.token_bytes(_KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    try:
        # A link, unlike a rename, never replaces the key another process has just put there.
        with suppress(FileExistsError):
            path.hardlink_to(fresh)
    finally:
        fresh.unlink()
    return path.read_bytes()


class UrlSigner:
    """Signs method, object name, expiry and every parameter of a URL below ``public_url``."""

    def __init__(self, key: bytes, public_url: str, clock: Clock) -> None:
        self._key = key
        self._base = public_url.rstrip("/") + PATH
        self._clock = clock

    def sign(self, method: str, name: str, *, expires_seconds: int, bound: Mapping[str, str]) -> str:
        """A URL that allows ``method`` on the object until it expires; ``bound`` parameters cannot be changed."""
        expires = str(int(self._clock().timestamp()) + expires_seconds)
        query = [*bound.items(), ("expires", expires)]
        return self.url(name, [*query, ("signature", self._signature(method, name, query))])

    def url(self, name: str, query: Sequence[tuple[str, str]]) -> str:
        """The address of an object. Slashes are escaped too: clients resolve ``..`` before they send a path."""
        return f"{self._base}/{quote(name, safe='')}?{urlencode(query)}"

    def verify(self, method: str, name: str, query: Sequence[tuple[str, str]]) -> dict[str, str]:
        """The bound parameters of a URL as it was received; 403 unless it is signed, untouched and not expired."""
        given = "".join(value for key, value in query if key == "signature")
        signed = [(key, value) for key, value in query if key != "signature"]
        if not hmac.compare_digest(given.encode(), self._signature(method, name, signed).encode()):
            raise forbidden("The signature does not match: this URL was changed, or is for another method or object.")
        bound = dict(signed)
        if self._clock().timestamp() >= int(bound.pop("expires")):
            raise forbidden("This URL has expired. Ask for a new one.")
        return bound

    def _signature(self, method: str, name: str, query: Sequence[tuple[str, str]]) -> str:
        # JSON keeps the parts apart: no two requests have the same text.
        text = json.dumps([method, name, sorted(query)])
        return hmac.new(self._key, text.encode(), "sha256").hexdigest()


def upload_headers(binding: UploadBinding) -> dict[str, str]:
    """Headers that an upload must carry: the same as for Cloud Storage, so that who forgets one learns it here."""
    headers = {}
    if binding.content_type is not None:
        headers["Content-Type"] = binding.content_type
    if binding.size_bytes is not None:
        headers["x-goog-content-length-range"] = f"{binding.size_bytes},{binding.size_bytes}"
        headers["x-goog-if-generation-match"] = "0"
    if binding.crc32c is not None:
        headers["x-goog-hash"] = f"crc32c={binding.crc32c}"
    return headers


def binding_to_query(binding: UploadBinding) -> dict[str, str]:
    """The binding as URL parameters."""
    return {key: str(value) for key, value in vars(binding).items() if value is not None}


def binding_from_query(bound: Mapping[str, str]) -> UploadBinding:
    """The binding of verified URL parameters."""
    size, most = bound.get("size_bytes"), bound.get("max_bytes")
    return UploadBinding(
        bound.get("content_type"), int(size) if size else None, bound.get("crc32c"), int(most) if most else None
    )
