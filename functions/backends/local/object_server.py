"""Serves the signed URLs and upload sessions of ``FolderObjectStore``; the local server mounts ``routes``."""

import uuid
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from functions.backends.local.object_downloads import Downloads
from functions.backends.local.object_uploads import CANCELLED, Uploads
from functions.backends.local.objects import FolderObjectStore
from functions.backends.local.refusal import Refusal
from functions.backends.local.signed_urls import PATH
from functions.errors import ControlPlaneError
from schemas.errors import HTTP_STATUS, ErrorCode, Problem

Handler = Callable[[Request], Awaitable[Response]]


def routes(store: FolderObjectStore) -> list[Route]:
    """Routes for the URLs that ``store`` signs."""
    uploads = Uploads(store)
    path = PATH + "/{name:path}"
    return [
        Route(path, _answering(Downloads(store).get), methods=["GET"]),
        Route(path, _answering(uploads.put), methods=["PUT"]),
        Route(path, _answering(uploads.delete), methods=["DELETE"]),
    ]


def _answering(handler: Handler) -> Handler:
    """``handler`` with its refusals as problem documents."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except Refusal as refusal:
            return _problem(refusal.status, refusal.code, refusal.detail)
        except ControlPlaneError as error:
            return _problem(HTTPStatus(HTTP_STATUS[error.code]), error.code, error.detail)
        except ClientDisconnect:
            return Response(status_code=CANCELLED)

    return answer


def _problem(status: HTTPStatus, code: ErrorCode, detail: str) -> Response:
    request_id = uuid.uuid4().hex
    problem = Problem(title=status.phrase, status=status, detail=detail, code=code, request_id=request_id)
    text = problem.model_dump_json(exclude_none=True)
    return Response(text, status, {"x-request-id": request_id}, media_type="application/problem+json")
