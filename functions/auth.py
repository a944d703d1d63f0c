"""Who calls: user JWTs (HS256 or JWKS), the seed's ``DEV_API_TOKEN``, and lease tokens. Called by ``endpoint`` only."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from pydantic import TypeAdapter, ValidationError

from functions.errors import Unauthenticated
from functions.issuer_keys import issuer_keys
from functions.settings import Settings
from schemas.ids import UserId

DEV_USER_ID = "00000000-0000-0000-0000-000000000001"
"""The user that ``DEV_API_TOKEN`` stands for (seed-origins A3)."""

CLOCK_LEEWAY_SECONDS = 10
MAX_TOKEN_LENGTH = 8192
_REQUIRED_CLAIMS = ["exp", "iat", "aud", "iss", "sub"]
_user_id: TypeAdapter[str] = TypeAdapter(UserId)


@dataclass(frozen=True)
class User:
    """A person or agent whose token was verified."""

    user_id: str


@dataclass(frozen=True)
class JobCaller:
    """Whoever speaks about a job: the holder of a lease token, a user, or a user's worker (both)."""

    user: User | None
    lease_token: str | None


def hash_token(token: str) -> str:
    """What is stored of a secret token: SHA-256, enough for 256 random bits."""
    return hashlib.sha256(token.encode()).hexdigest()


def require_user(headers: Mapping[str, str], settings: Settings) -> User:
    """The user of the request's bearer token; Unauthenticated if there is none."""
    token = _bearer(headers)
    if token is None:
        raise Unauthenticated(hint="Send 'Authorization: Bearer <token>'.")
    return _user_of(token, settings)


def job_caller(headers: Mapping[str, str], settings: Settings) -> JobCaller:
    """A lease token, a user, or both; Unauthenticated if there is neither.

    Beside a lease token a bearer that is no longer good counts as none: an expired login must not cost a render.
    """
    lease_token = headers.get("x-lease-token")
    if lease_token is None:
        return JobCaller(user=require_user(headers, settings), lease_token=None)
    try:
        return JobCaller(user=require_user(headers, settings), lease_token=lease_token)
    except Unauthenticated:
        return JobCaller(user=None, lease_token=lease_token)


def _bearer(headers: Mapping[str, str]) -> str | None:
    # The API gateway replaces Authorization by its own identity and moves the caller's here. A caller who sets it
    # itself gains nothing: the token is verified all the same.
    header = headers.get("x-forwarded-authorization") or headers.get("authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or len(token) > MAX_TOKEN_LENGTH:
        raise Unauthenticated("The Authorization header is not 'Bearer <token>'.")
    return token


def _user_of(token: str, settings: Settings) -> User:
    dev_token = settings.dev_api_token
    if dev_token and hmac.compare_digest(token.encode(), dev_token.get_secret_value().encode()):
        return User(DEV_USER_ID)
    if settings.jwt_algorithm is None:
        raise Unauthenticated("Invalid bearer token.")
    claims = _verified_claims(token, settings)
    try:
        return User(_user_id.validate_python(claims["sub"]))
    except ValidationError:
        raise Unauthenticated("The token's subject cannot be a user id.") from None


def _verified_claims(token: str, settings: Settings) -> dict[str, Any]:
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key=_key_for(token, settings),
            algorithms=[str(settings.jwt_algorithm)],
            audience=settings.jwt_audience,
            issuer=settings.jwt_issuer,
            leeway=CLOCK_LEEWAY_SECONDS,
            options={"require": _REQUIRED_CLAIMS},
        )
    except jwt.ExpiredSignatureError:
        raise Unauthenticated("The token has expired.", hint="Log in again.") from None
    except (jwt.PyJWTError, ValueError):
        # Why exactly is of use to an attacker only; people see expiry above, the rest is a wrong token.
        raise Unauthenticated("Invalid bearer token.") from None
    return claims


def _key_for(token: str, settings: Settings) -> Any:
    if settings.jwt_algorithm == "HS256":
        assert settings.jwt_secret is not None  # noqa: S101 - Settings guarantees it
        return settings.jwt_secret.get_secret_value()
    # A PyJWK brings its own algorithm, so a key of another kind than the token claims is refused.
    key_id = jwt.get_unverified_header(token).get("kid")
    key = issuer_keys(str(settings.jwks_url)).find(key_id) if key_id else None
    if key is None:
        raise jwt.InvalidKeyError("the issuer has no such key")
    return key
