"""Event functions as Eventarc calls them: CloudEvents in, the handler's message out."""

import base64
from typing import Any

import pytest
from cloudevents.http import CloudEvent
from pydantic import ValidationError

from functions import wiring
from functions.ports import Services
from functions.trigger import on_message, on_object, on_schedule
from schemas.events import ProjectDeleted, StorageObject, Topic

heard: list[Any] = []


@on_message(Topic.PROJECT_DELETED)
def on_project(message: ProjectDeleted, services: Services) -> None:
    """Hear of a project."""
    heard.append(message)


@on_object()
def on_file(message: StorageObject, services: Services) -> None:
    heard.append(message)


@on_schedule("*/5 * * * *")
def now_and_then(services: Services) -> None:
    heard.append("tick")


@pytest.fixture(autouse=True)
def no_services(monkeypatch: pytest.MonkeyPatch) -> None:
    heard.clear()
    monkeypatch.setattr(wiring, "services", lambda: None)


def event(data: Any) -> CloudEvent:
    return CloudEvent({"type": "google.cloud.test", "source": "//test"}, data)


def pushed(text: str) -> CloudEvent:
    return event({"message": {"data": base64.b64encode(text.encode()).decode()}, "subscription": "s"})


def test_a_pubsub_message_is_unwrapped() -> None:
    on_project(pushed('{"project_id": "p1", "added_later": 1}'))

    assert heard == [ProjectDeleted(project_id="p1")]


@pytest.mark.parametrize("text", ["", "no json", '{"project_id": "../x"}'])
def test_an_unreadable_message_is_raised_so_that_it_is_delivered_again(text: str) -> None:
    with pytest.raises(ValidationError):
        on_project(pushed(text))
    assert heard == []


def test_an_object_event_comes_with_the_names_of_cloud_storage() -> None:
    on_file(event({"bucket": "b", "name": "n", "size": "12", "crc32c": "AAAAAA==", "contentType": "video/mp4"}))

    (seen,) = heard
    assert (seen.name, seen.size, seen.content_type) == ("n", 12, "video/mp4")


def test_a_schedule_brings_nothing() -> None:
    now_and_then(pushed(""))

    assert heard == ["tick"]


def test_what_is_declared_is_what_is_deployed() -> None:
    project, file, tick = (entry.event_function for entry in (on_project, on_file, now_and_then))  # type: ignore[attr-defined]

    assert (project.name, project.topic, project.summary) == ("on_project", Topic.PROJECT_DELETED, "Hear of a project.")
    assert (file.topic, file.parse) == (Topic.OBJECT_FINALIZED, StorageObject.model_validate_json)
    assert (tick.schedule, tick.topic, tick.parse) == ("*/5 * * * *", None, None)
