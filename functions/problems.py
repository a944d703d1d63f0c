"""Errors as ``application/problem+json`` answers (RFC 9457)."""

from http import HTTPStatus

from pydantic import ValidationError
from starlette.responses import Response

from functions.errors import ControlPlaneError
from schemas.errors import HTTP_STATUS, FieldError, Problem

MAX_FIELD_ERRORS = 50


def problem_response(error: ControlPlaneError, request_id: str) -> Response:
    """The answer for ``error``."""
    status = HTTP_STATUS[error.code]
    problem = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=error.detail,
        code=error.code,
        request_id=request_id,
        errors=error.errors[:MAX_FIELD_ERRORS],
        hint=error.hint,
    )
    headers = {"x-request-id": request_id}
    if error.retry_after_seconds is not None:
        headers["retry-after"] = str(error.retry_after_seconds)
    if status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    return Response(problem.model_dump_json(exclude_none=True), status, headers, media_type="application/problem+json")


def field_errors(error: ValidationError, prefix: str = "/") -> list[FieldError]:
    """Pydantic's findings as JSON pointers; values are never repeated, for they may be secrets."""
    return [
        FieldError(pointer=prefix + "/".join(_escape(part) for part in found["loc"]), message=found["msg"])
        for found in error.errors(include_url=False, include_context=False, include_input=False)[:MAX_FIELD_ERRORS]
    ]


def _escape(part: str | int) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")
