"""What two calls of create_render do to each other at the one moment that matters, and a failure after it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, BinaryIO

import pytest

from functions.api.renders.create_render import create_render
from functions.auth import User
from functions.endpoint import Endpoint
from functions.errors import IdempotencyKeyReused, NotFound, Unavailable
from functions.ports import ObjectInfo, ObjectStore, Services
from functions.request_body import RequestKey
from functions.wiring import ServiceSet
from schemas.renders import RenderJob, RenderManifest, RenderRequest
from tests.builders import Desk, timeline

KEY = RequestKey("00000000-0000-4000-8000-00000000c0de", "one")


class Meanwhile:
    """The object store; while the first timeline is read, something else happens."""

    def __init__(self, store: ObjectStore, happens: Callable[[], object]) -> None:
        self._store = store
        self._happens = happens

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        with self._store.open(name) as stream:
            self._happens()
            yield stream


class Broken(Meanwhile):
    """The object store, which takes no manifest."""

    def write(self, name: str, data: BinaryIO, *, content_type: str) -> ObjectInfo:
        raise Unavailable(f"no {name} of {content_type}, {data}")


def create(desk: Desk, project_id: str, key: RequestKey, services: Services | None = None) -> RenderJob:
    spec: Endpoint = create_render.endpoint  # type: ignore[attr-defined]
    answer: Any = spec.handler(
        project_id=project_id,
        body=RenderRequest(),
        caller=User(desk.user_id),
        request_key=key,
        services=services or desk.control_plane.services,
    )
    job: RenderJob = answer.job
    return job


def with_objects(desk: Desk, objects: Any) -> Services:
    services = desk.control_plane.services
    assert isinstance(services, ServiceSet)
    return replace(services, objects=objects)


def manifest_of(desk: Desk, path: str) -> RenderManifest:
    with desk.control_plane.services.objects.open(path) as stream:
        return RenderManifest.model_validate_json(stream.read())


@pytest.mark.parametrize("fingerprint", ["one", "another"])
def test_the_manifest_is_the_one_of_the_call_that_made_the_job(fingerprint: str, desk: Desk) -> None:
    """The first call has read version 1 when a second one, with the same key, pins version 2 and wins."""
    project_id = desk.ready_project()
    key = replace(KEY, new_id=KEY.new_id[:-8] + project_id[:8])
    won: list[RenderJob] = []

    def overtake() -> None:
        desk.save_timeline(project_id, timeline(name="two"))
        won.append(create(desk, project_id, key))

    overtaken = with_objects(desk, Meanwhile(desk.control_plane.services.objects, overtake))
    try:
        assert create(desk, project_id, replace(key, fingerprint=fingerprint), overtaken) == won[0]
    except IdempotencyKeyReused:
        assert fingerprint != "one"

    manifest = manifest_of(desk, won[0].manifest_path)
    assert (won[0].timeline_version, manifest.timeline_version, manifest.timeline["name"]) == (2, 2, "two")


def test_a_project_deleted_meanwhile_gets_no_manifest(desk: Desk) -> None:
    project_id = desk.ready_project()
    objects = desk.control_plane.services.objects

    def delete() -> None:
        desk.http.delete(f"/projects/{project_id}").raise_for_status()

    with pytest.raises(NotFound):
        create(desk, project_id, KEY, with_objects(desk, Meanwhile(objects, delete)))

    assert objects.delete_prefix(f"{project_id}/manifests/") == 0


def test_a_job_whose_manifest_could_not_be_written_is_a_job(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    project_id = desk.ready_project()
    broken = Broken(desk.control_plane.services.objects, lambda: None)

    job = create(desk, project_id, RequestKey(KEY.new_id[:-8] + project_id[:8], None), with_objects(desk, broken))

    assert "manifest_deferred" in [record.__dict__.get("event") for record in caplog.records]
    assert desk.control_plane.services.objects.stat(job.manifest_path) is None
    desk.http.get(f"/projects/{project_id}/renders/{job.job_id}/manifest").raise_for_status()
    assert manifest_of(desk, job.manifest_path).job_id == job.job_id
