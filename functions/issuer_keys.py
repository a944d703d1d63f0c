"""The public keys of the token issuer (JWKS): fetched by one call at a time, kept when the issuer falls silent.

Called by ``auth`` only. PyJWT's own cache lets every call wait for a hanging issuer one after the other.
"""

import threading
from functools import lru_cache
from time import monotonic

import jwt

from functions.errors import Unavailable

FETCH_SECONDS = 4
"""Below the API gateway's default deadline of 15 s, so that a dead issuer is told as such."""
FRESH_SECONDS = 300
STALE_SECONDS = 3600
"""How long known keys stay good when the issuer cannot be asked."""
PAUSE_SECONDS = 10
"""No more than one fetch in this time, whatever key ids callers invent."""


class IssuerKeys:
    """The keys at one URL. Safe to be used by many threads."""

    def __init__(self, url: str) -> None:
        self._client = jwt.PyJWKClient(url, timeout=FETCH_SECONDS, cache_jwk_set=False)
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._turn = threading.Lock()

    def find(self, key_id: str) -> jwt.PyJWK | None:
        """The key, None if the issuer has no such key; Unavailable when that cannot be known."""
        known = self._keys.get(key_id) if self._age() < STALE_SECONDS else None
        if known is not None and self._age() < FRESH_SECONDS:
            return known
        # Who has an older key need not wait; who has none waits for whoever asks the issuer just now.
        if self._turn.acquire(blocking=known is None):
            try:
                self._fetch()
            finally:
                self._turn.release()
        if self._age() >= STALE_SECONDS:
            raise Unavailable("The token issuer's keys cannot be fetched.", retry_after_seconds=PAUSE_SECONDS)
        return self._keys.get(key_id)

    def _age(self) -> float:
        """Seconds since the keys were fetched."""
        return float("inf") if self._fetched_at is None else monotonic() - self._fetched_at

    def _fetch(self) -> None:
        if self._tried_at is not None and monotonic() - self._tried_at < PAUSE_SECONDS:
            return
        try:
            found = self._client.get_signing_keys()
        except (jwt.PyJWTError, ValueError, OSError):
            # Down, hanging, or answering with something else, such as the page of a proxy.
            return
        else:
            self._keys = {str(key.key_id): key for key in found}
            self._fetched_at = monotonic()
        finally:
            self._tried_at = monotonic()


@lru_cache(maxsize=4)
def issuer_keys(url: str) -> IssuerKeys:
    """The keys at ``url``, shared by all calls of this process."""
    return IssuerKeys(url)
