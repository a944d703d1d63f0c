"""Errors as ``application/problem+json`` answers (RFC 9457)."""

from http import HTTPStatus
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from starlette.responses import Response

from functions.errors import ControlPlaneError, MethodNotAllowed
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
    if isinstance(error, MethodNotAllowed):
        headers["allow"] = ", ".join(error.allowed)
    if status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    return Response(problem.model_dump_json(exclude_none=True), status, headers, media_type="application/problem+json")


def body_errors(error: ValidationError, document: Any) -> list[FieldError]:
    """Pydantic's findings about a body as JSON pointers into it; values are never repeated, for they may be secrets."""
    return [FieldError(pointer=_pointer(found, document), message=found["msg"]) for found in _findings(error)]


def query_errors(error: ValidationError) -> list[FieldError]:
    """Pydantic's findings about a query string, each as ``?name``."""
    return [FieldError(pointer=f"?{found['loc'][0]}", message=found["msg"]) for found in _findings(error)]


def _findings(error: ValidationError) -> list[ErrorDetails]:
    return error.errors(include_url=False, include_context=False, include_input=False)[:MAX_FIELD_ERRORS]


def _pointer(found: ErrorDetails, document: Any) -> str:
    """Where ``found`` is. Pydantic also names the members of unions it went through, which are no places."""
    pointer, here = "", document
    for part in found["loc"]:
        if isinstance(here, dict):
            if part not in here:
                continue
            here = here[part]
        elif isinstance(here, list) and isinstance(part, int):
            here = here[part]
        else:
            continue
        pointer += f"/{_escape(part)}"
    return f"{pointer}/{_escape(found['loc'][-1])}" if found["type"] == "missing" else pointer


def _escape(part: str | int) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")
