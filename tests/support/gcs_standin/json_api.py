"""The JSON API: buckets, object metadata, listing, download, copy and compose; `server` routes to it.

Requests need no credentials, because Google's client sends none to an emulator.
"""

import asyncio
import base64
import binascii
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .downloads import download
from .errors import StorageError
from .objects import Metadata, Preconditions, StoredObject
from .requests import conditional_parameters, json_body, number, parameters, resource_metadata
from .service import Service
from .staging import StagedBytes

_LARGEST_PAGE = 1000
_MOST_COMPONENTS = 32
_BLOCK_BYTES = 1024 * 1024
_BUCKET_FIELDS = {"cors", "labels", "location", "name", "storageClass"}


class JsonApi:
    """Answers ``/storage/v1/...`` and ``/download/storage/v1/...``."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._store = service.store

    async def handle(self, request: Request, segments: list[str]) -> Response:  # noqa: PLR0911 - a route table
        """Answer by method and the decoded path segments after ``storage/v1``; StorageError refuses."""
        match (request.method, segments):
            case ("POST", ["b"]):
                return await self._create_bucket(request)
            case ("GET", ["b", bucket]):
                parameters(request)
                return JSONResponse(self._store.bucket(bucket))
            case ("PATCH", ["b", bucket]):
                return await self._patch_bucket(request, bucket)
            case ("GET", ["b", bucket, "o"]):
                return self._list(request, bucket)
            case ("GET", ["b", bucket, "o", name]):
                return self._get(request, bucket, name)
            case ("PATCH", ["b", bucket, "o", name]):
                return await self._patch(request, bucket, name)
            case ("DELETE", ["b", bucket, "o", name]):
                return self._delete(request, bucket, name)
            case (
                "POST",
                ["b", bucket, "o", name, "copyTo" | "rewriteTo" as verb, "b", to_bucket, "o", to_name],
            ):
                source = (bucket, name)
                return await self._copy(request, source, (to_bucket, to_name), rewrite=verb == "rewriteTo")
            case ("POST", ["b", bucket, "o", name, "compose"]):
                return await self._compose(request, bucket, name)
        raise StorageError("NotImplemented", f"{request.method} /{'/'.join(segments)} is not provided.")

    async def _create_bucket(self, request: Request) -> Response:
        parameters(request, "project")
        resource = await json_body(request)
        name = resource.get("name")
        if not isinstance(name, str) or not name or "/" in name:
            raise StorageError("InvalidArgument", "A bucket needs a name.")
        if self._store.has_bucket(name):
            raise StorageError("BucketNameUnavailable", f"The bucket {name} exists already.")
        return JSONResponse(self._store.save_bucket(name, _bucket_settings(resource)))

    async def _patch_bucket(self, request: Request, bucket: str) -> Response:
        parameters(request)
        settings = self._store.bucket(bucket) | _bucket_settings(await json_body(request))
        return JSONResponse(self._store.save_bucket(bucket, settings))

    def _list(self, request: Request, bucket: str) -> Response:
        found = parameters(request, "prefix", "pageToken", "maxResults")
        limit = min(number(found.get("maxResults"), "maxResults") or _LARGEST_PAGE, _LARGEST_PAGE)
        after = _page_start(found.get("pageToken", ""))
        objects = self._store.list_after(bucket, found.get("prefix", ""), after, limit + 1)
        page: dict[str, Any] = {
            "kind": "storage#objects",
            "items": [each.resource() for each in objects[:limit]],
        }
        if len(objects) > limit:
            page["nextPageToken"] = base64.urlsafe_b64encode(objects[limit - 1].name.encode()).decode()
        return JSONResponse(page)

    def _get(self, request: Request, bucket: str, name: str) -> Response:
        found, conditions = conditional_parameters(request, "generation")
        stored = self._store.get(bucket, name, number(found.get("generation"), "generation"))
        conditions.check(stored, reading=True)
        if found.get("alt") == "media":
            return download(self._store, stored, request.method, request.headers.get("range"))
        return JSONResponse(stored.resource())

    async def _patch(self, request: Request, bucket: str, name: str) -> Response:
        found, conditions = conditional_parameters(request, "generation")
        changes = await json_body(request)
        stored = self._store.get(bucket, name, number(found.get("generation"), "generation"))
        conditions.check(stored)
        given = resource_metadata(changes)
        fields = {key: value for key, value in stored.fields.items() if changes.get(key, value) is not None}
        metadata = {} if changes.get("metadata", {}) is None else stored.metadata
        removed = {key for key, value in (changes.get("metadata") or {}).items() if value is None}
        kept = {key: value for key, value in metadata.items() if key not in removed}
        changed = replace(stored, fields=fields | given.fields, metadata=kept | given.metadata)
        return JSONResponse(self._store.amend(changed).resource())

    def _delete(self, request: Request, bucket: str, name: str) -> Response:
        found, conditions = conditional_parameters(request, "generation")
        stored = self._store.get(bucket, name, number(found.get("generation"), "generation"))
        conditions.check(stored)
        self._store.delete(stored)
        return Response(status_code=204)

    async def _copy(
        self, request: Request, source: tuple[str, str], target: tuple[str, str], *, rewrite: bool
    ) -> Response:
        found, conditions = conditional_parameters(request, "sourceGeneration")
        given = resource_metadata(await json_body(request))
        original = self._store.get(*source, number(found.get("sourceGeneration"), "sourceGeneration"))
        replaced = self._store.find(*target)
        # Metadata in the request replaces the source's as a whole.
        copied = self._store.copy(original, target, conditions, None if given == Metadata() else given)
        self._service.announce(copied, replaced)
        if not rewrite:
            return JSONResponse(copied.resource())
        size = str(copied.size_bytes)
        progress = {
            "kind": "storage#rewriteResponse",
            "totalBytesRewritten": size,
            "objectSize": size,
            "done": True,
        }
        return JSONResponse({**progress, "resource": copied.resource()})

    async def _compose(self, request: Request, bucket: str, name: str) -> Response:
        _, conditions = conditional_parameters(request)
        body = await json_body(request)
        sources = [self._component(bucket, source) for source in body.get("sourceObjects", [])]
        if not 1 <= len(sources) <= _MOST_COMPONENTS:
            raise StorageError("InvalidArgument", f"Compose takes 1 to {_MOST_COMPONENTS} source objects.")
        staged = self._store.stage()
        try:
            await asyncio.to_thread(self._concatenate, sources, staged)
            replaced = self._store.find(bucket, name)
            metadata = resource_metadata(body.get("destination", {}))
            stored = self._store.publish(staged, (bucket, name), conditions, metadata)
        except BaseException:
            staged.discard()
            raise
        components = sum(source.component_count or 1 for source in sources)
        composite = self._store.mark_composite(stored, components)
        self._service.announce(composite, replaced)
        return JSONResponse(composite.resource())

    def _component(self, bucket: str, source: dict[str, Any]) -> StoredObject:
        generation, expected = (
            None if value is None else number(str(value), "generation")
            for value in (source.get("generation"), source.get("objectPreconditions", {}).get("ifGenerationMatch"))
        )
        stored = self._store.get(bucket, source.get("name", ""), generation)
        Preconditions(generation=expected).check(stored)
        return stored

    def _concatenate(self, sources: list[StoredObject], staged: StagedBytes) -> None:
        for source in sources:
            with self._store.open(source) as file:
                while block := file.read(_BLOCK_BYTES):
                    staged.write(block)


def _bucket_settings(resource: dict[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(resource) - _BUCKET_FIELDS)
    if unknown:
        raise StorageError("NotImplemented", f"The stand-in does not provide the bucket field {', '.join(unknown)}.")
    return resource


def _page_start(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token).decode()
    except (binascii.Error, ValueError):
        raise StorageError("InvalidArgument", "Invalid pageToken.") from None
