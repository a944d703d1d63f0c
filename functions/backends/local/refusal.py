"""Why the local object store refuses an HTTP request; its parts raise it, ``object_server`` answers with it."""

from http import HTTPStatus

from schemas.errors import ErrorCode


class Refusal(Exception):
    """A request that is not served. Statuses are those of Cloud Storage, so that a client reacts alike to both."""

    def __init__(self, status: HTTPStatus, code: ErrorCode, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail


def bad_upload(detail: str) -> Refusal:
    """The bytes, or how they were sent, are not what was announced."""
    return Refusal(HTTPStatus.BAD_REQUEST, ErrorCode.UPLOAD_MISMATCH, detail)


def too_large(max_bytes: int) -> Refusal:
    """More bytes than anybody may store under this name."""
    return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, ErrorCode.TOO_LARGE, f"The limit is {max_bytes} bytes.")


def bad_request(detail: str) -> Refusal:
    """The request itself is malformed."""
    return Refusal(HTTPStatus.BAD_REQUEST, ErrorCode.INVALID_REQUEST, detail)


def forbidden(detail: str) -> Refusal:
    """The URL does not allow this request."""
    return Refusal(HTTPStatus.FORBIDDEN, ErrorCode.FORBIDDEN, detail)


def no_session() -> Refusal:
    """The upload session was never there, is over, or was given up."""
    return Refusal(HTTPStatus.GONE, ErrorCode.NOT_FOUND, "There is no such upload session (any more). Start a new one.")


def out_of_step(position: int, kept_bytes: int) -> Refusal:
    """The bytes do not continue the session; 503 as from Cloud Storage, whose clients then ask where it stands."""
    detail = f"This starts at byte {position}, but the upload continues at byte {kept_bytes}."
    return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, ErrorCode.UNAVAILABLE, detail)


def exists_already(name: str) -> Refusal:
    """The URL creates an object and never replaces one."""
    return Refusal(HTTPStatus.PRECONDITION_FAILED, ErrorCode.VERSION_CONFLICT, f"There already is an object {name}.")


def disk_full() -> Refusal:
    """There is no room for the bytes."""
    return Refusal(HTTPStatus.INSUFFICIENT_STORAGE, ErrorCode.UNAVAILABLE, "The disk of the control plane is full.")
