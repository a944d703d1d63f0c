"""The XML API on ``/BUCKET/OBJECT``: what signed URLs reach. Nothing passes here without a valid signature.

Sources: https://cloud.google.com/storage/docs/xml-api/reference-methods and .../reference-headers.
"""

from dataclasses import replace
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response

from .cors import answer_headers, preflight_headers
from .downloads import download
from .errors import StorageError
from .objects import Preconditions, StoredObject
from .requests import (
    header_metadata,
    header_preconditions,
    header_promise,
    number,
    refuse_unknown_headers,
)
from .resumable import Sessions
from .service import Service, Upload
from .signature import SignedRequest, query_parameters, verify
from .uploads import UploadApi

_OVERRIDES = {
    "response-content-type": "Content-Type",
    "response-content-disposition": "Content-Disposition",
}
_HEADERS_OF_THE_BODY = {"Content-Type", "Content-Encoding", "Content-Disposition", "Content-Language"}


class XmlApi:
    """Answers signed GET, HEAD, PUT, DELETE and resumable POST, sessions, and CORS preflights."""

    def __init__(self, service: Service, sessions: Sessions, uploads: UploadApi) -> None:
        self._service = service
        self._store = service.store
        self._sessions = sessions
        self._uploads = uploads

    async def handle(self, request: Request) -> Response:
        raw_path: str = request.scope["raw_path"].decode("ascii")
        raw_query: str = request.scope["query_string"].decode("ascii")
        found = query_parameters(raw_query)
        if "upload_id" in found:
            return await self._session(request, found["upload_id"])
        bucket, _, name = (unquote(part) for part in raw_path.removeprefix("/").partition("/"))
        if request.method == "OPTIONS":
            return Response(headers=preflight_headers(self._rules(bucket), request.headers))
        signed = SignedRequest(request.method, raw_path, raw_query, request.headers.items())
        verify(signed, self._service.public_key, self._service.clock())
        refuse_unknown_headers(request)
        if not name:
            raise StorageError("NotImplemented", "The stand-in provides objects only, not buckets, by signed URL.")
        response = await self._answer(request, (bucket, name), found)
        response.headers.update(answer_headers(self._rules(bucket), request.headers, request.method))
        return response

    async def _session(self, request: Request, upload_id: str) -> Response:
        answer = await self._uploads.session(request, upload_id)
        if answer.status_code != 200 or request.method != "PUT":
            return answer
        # The XML API ends a session without a body.
        kept = {name: value for name, value in answer.headers.items() if name not in {"content-length", "content-type"}}
        return Response(headers=kept)

    async def _answer(self, request: Request, target: tuple[str, str], found: dict[str, str]) -> Response:
        conditions = header_preconditions(request)
        match request.method:
            case "GET" | "HEAD":
                return self._download(request, target, found, conditions)
            case "PUT":
                upload = Upload(*target, conditions, header_promise(request), header_metadata(request))
                stored = await self._service.receive(upload, request.stream())
                return Response(headers=_written(stored))
            case "DELETE":
                stored = self._store.get(*target, number(found.get("generation"), "generation"))
                conditions.check(stored)
                self._store.delete(stored)
                return Response(status_code=204)
            case "POST":
                return self._start(request, target, conditions)
        raise StorageError("MethodNotAllowed")

    def _download(
        self, request: Request, target: tuple[str, str], found: dict[str, str], conditions: Preconditions
    ) -> Response:
        stored = self._store.get(*target, number(found.get("generation"), "generation"))
        conditions.check(stored)
        response = download(self._store, stored, request.method, request.headers.get("range"))
        for parameter, header in _OVERRIDES.items():
            if parameter in found:
                response.headers[header] = found[parameter]
        return response

    def _start(self, request: Request, target: tuple[str, str], conditions: Preconditions) -> Response:
        if request.headers.get("x-goog-resumable") != "start":
            raise StorageError("InvalidArgument", "A signed POST can only start a resumable upload.")
        size_bytes = number(request.headers.get("x-upload-content-length"), "X-Upload-Content-Length")
        # The POST's own body is empty: its Content-Length says nothing about the object.
        promise = replace(header_promise(request), size_bytes=size_bytes)
        upload = Upload(*target, conditions, promise, header_metadata(request))
        upload_id = self._sessions.start(upload, request.headers.get("origin"))
        path = request.scope["raw_path"].decode("ascii")
        location = f"http://{request.headers['host']}{path}?upload_id={upload_id}"
        return Response(status_code=201, headers={"Location": location, "X-GUploader-UploadID": upload_id})

    def _rules(self, bucket: str) -> list[dict[str, object]]:
        if not self._store.has_bucket(bucket):
            return []
        rules: list[dict[str, object]] = self._store.bucket(bucket).get("cors", [])
        return rules


def _written(stored: StoredObject) -> dict[str, str]:
    return {name: value for name, value in stored.headers().items() if name not in _HEADERS_OF_THE_BODY}
