"""The one table of error codes with their HTTP status, and the problem document that carries them."""

from enum import StrEnum

from pydantic import Field

from schemas.message import Response


class ErrorCode(StrEnum):
    """Stable, machine-readable reasons. Clients branch on these, never on texts."""

    INVALID_REQUEST = "invalid_request"
    """The request does not match its schema; ``errors`` lists every place."""
    INVALID_TIMELINE = "invalid_timeline"
    """The timeline is not renderable as it stands; ``errors`` lists every place."""
    UNAUTHENTICATED = "unauthenticated"
    """No bearer token, or one that is wrong, expired, or of another issuer or audience."""
    FORBIDDEN = "forbidden"
    """The caller is known but may not do this to a thing it may see."""
    NOT_FOUND = "not_found"
    """The thing does not exist, or is not the caller's: the two are never told apart."""
    METHOD_NOT_ALLOWED = "method_not_allowed"
    """The path exists, the method does not."""
    ILLEGAL_STATE = "illegal_state"
    """The job or project cannot take this step from its present state; ``detail`` names both states."""
    LEASE_HELD = "lease_held"
    """Another worker holds the job; do not retry until a doorbell or a heartbeat offers it again."""
    LEASE_LOST = "lease_lost"
    """The attempt that reports is not the current one; stop working on it and throw its result away."""
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    """The same ``Idempotency-Key`` came with another request."""
    VERSION_CONFLICT = "version_conflict"
    """The stored version is not the one the caller expected."""
    UPLOAD_MISSING = "upload_missing"
    """The object that should have been uploaded does not exist."""
    UPLOAD_MISMATCH = "upload_mismatch"
    """The uploaded object's size, checksum or type is not what was announced."""
    TOO_LARGE = "too_large"
    """The body, file or document is over its limit; ``detail`` gives the limit and the other way."""
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    """The body's content type is not the one the endpoint reads."""
    NOT_APPLICABLE = "not_applicable"
    """The call has no meaning in this deployment, such as Pub/Sub credentials where there is no Pub/Sub."""
    PROTOCOL_UNSUPPORTED = "protocol_unsupported"
    """The worker's protocol version is not served here; ``detail`` says which ones are."""
    CONTENTION = "contention"
    """The store could not commit under contention; retry after ``Retry-After`` seconds."""
    UNAVAILABLE = "unavailable"
    """A service behind the control plane does not answer; retry after ``Retry-After`` seconds."""
    INTERNAL = "internal"
    """A defect of the control plane. The request id finds its log entry."""


HTTP_STATUS: dict[ErrorCode, int] = {
    ErrorCode.INVALID_REQUEST: 422,
    ErrorCode.INVALID_TIMELINE: 422,
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.METHOD_NOT_ALLOWED: 405,
    ErrorCode.ILLEGAL_STATE: 409,
    ErrorCode.LEASE_HELD: 409,
    ErrorCode.LEASE_LOST: 409,
    ErrorCode.IDEMPOTENCY_KEY_REUSED: 409,
    ErrorCode.VERSION_CONFLICT: 409,
    ErrorCode.UPLOAD_MISSING: 409,
    ErrorCode.UPLOAD_MISMATCH: 409,
    ErrorCode.TOO_LARGE: 413,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: 415,
    ErrorCode.NOT_APPLICABLE: 409,
    ErrorCode.PROTOCOL_UNSUPPORTED: 426,
    ErrorCode.CONTENTION: 503,
    ErrorCode.UNAVAILABLE: 503,
    ErrorCode.INTERNAL: 500,
}


class FieldError(Response):
    """One place in the request that is wrong. ``pointer`` is a JSON pointer (RFC 6901) into the body or the query."""

    pointer: str
    message: str


class Problem(Response):
    """An error as ``application/problem+json`` (RFC 9457), with this project's extension members."""

    ok: bool = False
    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: ErrorCode
    request_id: str
    errors: list[FieldError] = Field(default_factory=list)
    hint: str | None = None
    """What the caller can do about it, where there is something to do."""
