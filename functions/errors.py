"""Errors that handlers and backends raise on purpose. ``endpoint`` is the only place that makes an answer of them."""

from collections.abc import Sequence

from schemas.errors import ErrorCode, FieldError


class ControlPlaneError(Exception):
    """The control plane failed to do its work."""

    code = ErrorCode.INTERNAL

    def __init__(
        self,
        detail: str | None = None,
        *,
        errors: Sequence[FieldError] = (),
        hint: str | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        self.detail = detail or (type(self).__doc__ or "").strip()
        super().__init__(self.detail)
        self.errors = list(errors)
        self.hint = hint
        self.retry_after_seconds = retry_after_seconds


class InvalidRequest(ControlPlaneError):
    """The request does not match its schema."""

    code = ErrorCode.INVALID_REQUEST


class InvalidTimeline(ControlPlaneError):
    """The timeline cannot be rendered as it stands."""

    code = ErrorCode.INVALID_TIMELINE


class Unauthenticated(ControlPlaneError):
    """This call needs a valid bearer token."""

    code = ErrorCode.UNAUTHENTICATED


class Forbidden(ControlPlaneError):
    """You may see this, but not do that."""

    code = ErrorCode.FORBIDDEN


class NotFound(ControlPlaneError):
    """There is no such thing, or it is not yours."""

    code = ErrorCode.NOT_FOUND


class MethodNotAllowed(ControlPlaneError):
    """This path does not take this method."""

    code = ErrorCode.METHOD_NOT_ALLOWED

    def __init__(self, method: str, allowed: Sequence[str]) -> None:
        super().__init__(f"{method} is not possible here; this path takes {', '.join(allowed)}.")
        self.allowed = allowed


class IllegalState(ControlPlaneError):
    """This step is not possible from the present state."""

    code = ErrorCode.ILLEGAL_STATE


class LeaseHeld(ControlPlaneError):
    """Somebody else holds this job."""

    code = ErrorCode.LEASE_HELD


class LeaseLost(ControlPlaneError):
    """This attempt no longer holds the job."""

    code = ErrorCode.LEASE_LOST


class IdempotencyKeyReused(ControlPlaneError):
    """This Idempotency-Key was used for another request."""

    code = ErrorCode.IDEMPOTENCY_KEY_REUSED


class VersionConflict(ControlPlaneError):
    """The stored version is not the expected one."""

    code = ErrorCode.VERSION_CONFLICT


class UploadMissing(ControlPlaneError):
    """The uploaded object is not there."""

    code = ErrorCode.UPLOAD_MISSING


class UploadMismatch(ControlPlaneError):
    """The uploaded object is not what was announced."""

    code = ErrorCode.UPLOAD_MISMATCH


class TooLarge(ControlPlaneError):
    """This is over the limit."""

    code = ErrorCode.TOO_LARGE


class UnsupportedMediaType(ControlPlaneError):
    """This endpoint reads another content type."""

    code = ErrorCode.UNSUPPORTED_MEDIA_TYPE


class NotApplicable(ControlPlaneError):
    """This call has no meaning in this deployment."""

    code = ErrorCode.NOT_APPLICABLE


class ProtocolUnsupported(ControlPlaneError):
    """This protocol version is not served here."""

    code = ErrorCode.PROTOCOL_UNSUPPORTED


class Contention(ControlPlaneError):
    """Too many changed the same thing at once."""

    code = ErrorCode.CONTENTION


class Unavailable(ControlPlaneError):
    """A service behind the control plane does not answer."""

    code = ErrorCode.UNAVAILABLE
