"""Verifies V4 signed URLs against the signer's public RSA key; the XML API calls it before anything else.

The canonical request and the string to sign follow
https://cloud.google.com/storage/docs/authentication/canonical-requests and .../signatures.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from .errors import StorageError

LONGEST_LIFE_SECONDS = 7 * 24 * 3600
_CLOCK_SKEW = timedelta(minutes=15)
_ALGORITHM = "GOOG4-RSA-SHA256"
_SCOPE_PARTS = 5  # email / date / location / storage / goog4_request
_SHA256_HEADER = "x-goog-content-sha256"


@dataclass(frozen=True)
class SignedRequest:
    """What of an HTTP request the signature covers; ``raw_path`` and ``raw_query`` are still encoded."""

    method: str
    raw_path: str
    raw_query: str
    headers: list[tuple[str, str]]


def query_parameters(raw_query: str) -> dict[str, str]:
    """Decode a query string, keeping ``+`` as it is; a repeated name is refused."""
    parameters: dict[str, str] = {}
    for item in filter(None, raw_query.split("&")):
        name, _, value = item.partition("=")
        key = unquote(name)
        if key in parameters:
            raise StorageError("InvalidArgument", f"Repeated query parameter: {key}")
        parameters[key] = unquote(value)
    return parameters


def verify(request: SignedRequest, public_key: rsa.RSAPublicKey, now: datetime) -> None:
    """Return if the request carries a valid, unexpired V4 query signature; StorageError otherwise."""
    parameters = query_parameters(request.raw_query)
    signing = {name.lower(): value for name, value in parameters.items() if name.lower().startswith("x-goog-")}
    if "x-goog-signature" not in signing:
        raise StorageError("AccessDenied", "Anonymous caller does not have access to the object.")
    if signing.get("x-goog-algorithm") != _ALGORITHM:
        raise _malformed("X-Goog-Algorithm", f"Only {_ALGORITHM} is accepted.")
    signed_at = _signed_at(signing)
    scope = _scope(signing, signed_at)
    signed_headers = _signed_headers(request, signing)
    if signed_at > now + _CLOCK_SKEW:
        raise StorageError("RequestTimeTooSkewed", f"Signed for {signed_at.isoformat()}")
    expires_at = signed_at + timedelta(seconds=_life_seconds(signing))
    if now > expires_at:
        raise StorageError("ExpiredToken", f"Request signature expired at: {expires_at.isoformat()}")

    # A URL signed for GET answers HEAD too, says the reference of Google's .NET client at UrlSigner.RequestTemplate.
    methods = ["HEAD", "GET"] if request.method == "HEAD" else [request.method]
    canonicals = [_canonical_request(replace(request, method=method), parameters, signed_headers) for method in methods]
    to_signs = [
        "\n".join([_ALGORITHM, signing["x-goog-date"], scope, hashlib.sha256(canonical.encode()).hexdigest()])
        for canonical in canonicals
    ]
    if not any(_is_signed(to_sign, signing["x-goog-signature"], public_key) for to_sign in to_signs):
        raise StorageError(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. "
            "Check your Google secret key and signing method.",
            elements={"StringToSign": to_signs[0], "CanonicalRequest": canonicals[0]},
        )


def _is_signed(to_sign: str, signature: str, public_key: rsa.RSAPublicKey) -> bool:
    try:
        public_key.verify(bytes.fromhex(signature), to_sign.encode(), padding.PKCS1v15(), hashes.SHA256())
    except (ValueError, InvalidSignature):
        return False
    return True


def _malformed(parameter: str, details: str) -> StorageError:
    return StorageError("MalformedSecurityHeader", details, elements={"ParameterName": parameter})


def _signed_at(signing: dict[str, str]) -> datetime:
    try:
        return datetime.strptime(signing.get("x-goog-date", ""), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise _malformed("X-Goog-Date", "X-Goog-Date must be YYYYMMDD'T'HHMMSS'Z'.") from None


def _life_seconds(signing: dict[str, str]) -> int:
    given = signing.get("x-goog-expires", "")
    if not (given.isascii() and given.isdigit()) or not 1 <= int(given) <= LONGEST_LIFE_SECONDS:
        raise _malformed("X-Goog-Expires", f"X-Goog-Expires must be 1 to {LONGEST_LIFE_SECONDS} seconds.")
    return int(given)


def _scope(signing: dict[str, str], signed_at: datetime) -> str:
    parts = signing.get("x-goog-credential", "").rsplit("/", _SCOPE_PARTS - 1)
    fitting = (
        len(parts) == _SCOPE_PARTS
        and bool(parts[0])
        and parts[1] == signed_at.strftime("%Y%m%d")
        and parts[3:] == ["storage", "goog4_request"]
    )
    if not fitting:
        raise _malformed("X-Goog-Credential", "Expected EMAIL/DATE/LOCATION/storage/goog4_request.")
    return "/".join(parts[1:])


def _signed_headers(request: SignedRequest, signing: dict[str, str]) -> list[str]:
    """The signed header names: host is among them, each was sent, and no x-goog- header is unsigned."""
    names = signing.get("x-goog-signedheaders", "").split(";")
    present = {name.lower() for name, _ in request.headers}
    if "host" not in names:
        raise _malformed("X-Goog-SignedHeaders", "The host header must be signed.")
    for name in names:
        if name not in present:
            raise _malformed(name, "Header was included in signedheaders, but not in the request.")
    for name in sorted(present):
        if name.startswith("x-goog-") and name not in names:
            raise _malformed(name, "Header was included in the request, but not in signedheaders.")
    return names


def _canonical_request(request: SignedRequest, parameters: dict[str, str], signed_headers: list[str]) -> str:
    query = "&".join(
        sorted(
            f"{quote(name, safe='~')}={quote(value, safe='~')}"
            for name, value in parameters.items()
            if name.lower() != "x-goog-signature"
        )
    )
    sent: dict[str, list[str]] = {}
    for name, value in request.headers:
        sent.setdefault(name.lower(), []).append(" ".join(value.split()))
    header_lines = "".join(f"{name}:{','.join(sent[name])}\n" for name in sorted(signed_headers))
    payload = "UNSIGNED-PAYLOAD"
    if _SHA256_HEADER in sent and sent[_SHA256_HEADER] != [payload]:
        raise StorageError("NotImplemented", "Signed payloads are not verified here, so they are refused.")
    return "\n".join([request.method, request.raw_path, query, header_lines, ";".join(signed_headers), payload])
