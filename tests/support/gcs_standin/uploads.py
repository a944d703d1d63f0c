"""The JSON API's uploads: media, multipart and resumable; `server` routes ``/upload/storage/v1/b/B/o`` to it.

Upload types: https://cloud.google.com/storage/docs/uploads-downloads.
"""

from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .cors import answer_headers, preflight_headers, session_rules
from .errors import StorageError
from .multipart import RelatedParts
from .objects import Metadata, Preconditions, StoredObject, check_name
from .requests import conditional_parameters, json_body, number, resource_metadata, resource_promise
from .resumable import Sessions
from .service import Service, Upload
from .staging import Promise


class UploadApi:
    """Answers uploads of the JSON API, and every request to a session URI, whichever API opened it."""

    def __init__(self, service: Service, sessions: Sessions) -> None:
        self._service = service
        self._sessions = sessions

    async def handle(self, request: Request, bucket: str) -> Response:
        found, conditions = conditional_parameters(request, "name", "upload_id")
        if "upload_id" in found:
            return await self.session(request, found["upload_id"])
        if request.method != "POST":
            raise StorageError("MethodNotAllowed")
        self._service.store.bucket(bucket)
        match found.get("uploadType"):
            case "media":
                fields = {"contentType": request.headers.get("content-type", "application/octet-stream")}
                promise = Promise().with_hashes(request.headers.getlist("x-goog-hash"))
                upload = Upload(bucket, _name(found, {}), conditions, promise, Metadata(fields))
                return JSONResponse((await self._service.receive(upload, request.stream())).resource())
            case "multipart":
                return await self._multipart(request, bucket, found, conditions)
            case "resumable":
                return await self._start(request, bucket, found, conditions)
        raise StorageError("InvalidArgument", "uploadType must be media, multipart or resumable.")

    async def session(self, request: Request, upload_id: str) -> Response:
        """A chunk, a status query, a cancellation or a preflight; the session URI is authority enough."""
        origin = self._sessions.get(upload_id).origin
        if request.method == "OPTIONS":
            return Response(headers=preflight_headers(session_rules(origin), request.headers))
        headers = answer_headers(session_rules(origin), request.headers, request.method)
        if request.method == "DELETE":
            self._sessions.cancel(upload_id)
            return Response(status_code=499, headers=headers)
        if request.method != "PUT":
            raise StorageError("MethodNotAllowed")
        outcome = await self._sessions.put(
            upload_id,
            request.headers.get("content-range"),
            request.headers.getlist("x-goog-hash"),
            request.stream(),
        )
        if isinstance(outcome, StoredObject):
            return JSONResponse(outcome.resource(), headers={**headers, **_short(outcome)})
        # No Range header at all means that nothing is persisted yet.
        persisted = {"Range": f"bytes=0-{outcome - 1}"} if outcome else {}
        return Response(status_code=308, headers={**headers, **persisted, "X-GUploader-UploadID": upload_id})

    async def _multipart(
        self, request: Request, bucket: str, found: dict[str, str], conditions: Preconditions
    ) -> Response:
        parts = RelatedParts(request.headers.get("content-type", ""), request.stream())
        resource, media_type = await parts.open()
        metadata = _metadata(resource, media_type)
        promise = resource_promise(resource).with_hashes(request.headers.getlist("x-goog-hash"))
        upload = Upload(bucket, _name(found, resource), conditions, promise, metadata)
        return JSONResponse((await self._service.receive(upload, parts.media())).resource())

    async def _start(self, request: Request, bucket: str, found: dict[str, str], conditions: Preconditions) -> Response:
        resource = await json_body(request)
        size_bytes = number(request.headers.get("x-upload-content-length"), "X-Upload-Content-Length")
        promise = replace(resource_promise(resource), size_bytes=size_bytes)
        metadata = _metadata(resource, request.headers.get("x-upload-content-type"))
        upload = Upload(bucket, _name(found, resource), conditions, promise, metadata)
        upload_id = self._sessions.start(upload, request.headers.get("origin"))
        path = request.scope["raw_path"].decode("ascii")
        location = f"http://{request.headers['host']}{path}?uploadType=resumable&upload_id={upload_id}"
        return Response(headers={"Location": location, "X-GUploader-UploadID": upload_id})


def _name(found: dict[str, str], resource: dict[str, Any]) -> str:
    name = found.get("name") or resource.get("name") or ""
    check_name(str(name))
    return str(name)


def _metadata(resource: dict[str, Any], media_type: str | None) -> Metadata:
    """The resource's own content type counts before the media's."""
    metadata = resource_metadata(resource)
    if media_type is None:
        return metadata
    return replace(metadata, fields={"contentType": media_type, **metadata.fields})


def _short(stored: StoredObject) -> dict[str, str]:
    """Of the object's headers, those that do not describe the answer's own body."""
    return {name: value for name, value in stored.headers().items() if name.startswith("x-goog-") or name == "ETag"}
