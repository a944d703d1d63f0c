"""What Eventarc and Cloud Scheduler do in the cloud: messages reach event functions, also after a crash of theirs."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from functions import wiring
from functions.local_server import EventPump
from functions.ports import Services
from functions.settings import Settings
from functions.trigger import EventFunction, on_message, on_schedule
from functions.wiring import LocalParts
from schemas.events import ProjectDeleted, Topic
from tests.builders import Desk
from tests.support.clock import MovableClock
from tests.support.control_plane import NEVER_SECONDS, LocalControlPlane, eventually

MESSAGE = ProjectDeleted(project_id="p").model_dump_json()


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[LocalParts]:
    opened = wiring.local_parts(Settings.model_validate({"data_dir": tmp_path}), MovableClock())
    yield opened
    opened.close()


class Listener:
    """An event function that fails as often as it is told."""

    def __init__(self, failures: int = 0) -> None:
        self.heard: list[str] = []
        self.failures = failures

    def function(self) -> EventFunction:
        @on_message(Topic.PROJECT_DELETED)
        def on_project(message: ProjectDeleted, services: Services) -> None:
            self.heard.append(message.project_id)
            if len(self.heard) <= self.failures:
                raise OSError("crashed")

        found: EventFunction = on_project.event_function  # type: ignore[attr-defined]
        return found


def messages_left(parts: LocalParts) -> int:
    return len(parts.queue.receive(wait_seconds=0, limit=10))


def test_a_message_is_delivered_once_it_was_handled(parts: LocalParts) -> None:
    listener = Listener()
    pump = EventPump(parts, [listener.function()], schedule_seconds=NEVER_SECONDS)
    pump.start()

    parts.services.bus.publish(Topic.PROJECT_DELETED, MESSAGE, {})
    eventually(lambda: listener.heard)
    pump.stop()

    assert listener.heard == ["p"]
    assert messages_left(parts) == 0


def test_a_handler_that_crashed_gets_the_message_again(parts: LocalParts) -> None:
    listener = Listener(failures=1)
    pump = EventPump(parts, [listener.function()], schedule_seconds=NEVER_SECONDS)
    pump.start()

    parts.services.bus.publish(Topic.PROJECT_DELETED, MESSAGE, {})
    eventually(lambda: len(listener.heard) == 2)
    pump.stop()

    assert messages_left(parts) == 0


def test_a_message_that_was_in_hand_at_the_end_comes_again(parts: LocalParts) -> None:
    """As after a kill: received, never acked."""
    parts.services.bus.publish(Topic.PROJECT_DELETED, MESSAGE, {})
    assert messages_left(parts) == 1
    clock = parts.services.clock
    assert isinstance(clock, MovableClock)

    clock.offset += timedelta(seconds=61)  # past the time a consumer has
    listener = Listener()
    pump = EventPump(parts, [listener.function()], schedule_seconds=NEVER_SECONDS)
    pump.start()
    eventually(lambda: listener.heard)
    pump.stop()


def test_an_unreadable_message_does_not_stop_the_others(parts: LocalParts) -> None:
    listener = Listener()
    pump = EventPump(parts, [listener.function()], schedule_seconds=NEVER_SECONDS)

    parts.services.bus.publish(Topic.PROJECT_DELETED, "no json", {})
    parts.services.bus.publish(Topic.PROJECT_DELETED, MESSAGE, {})
    pump.start()
    eventually(lambda: listener.heard)
    pump.stop()

    assert listener.heard == ["p"]


def test_a_topic_without_a_listener_is_acknowledged(parts: LocalParts) -> None:
    pump = EventPump(parts, [], schedule_seconds=NEVER_SECONDS)
    parts.services.bus.publish(Topic.PROJECT_DELETED, MESSAGE, {})
    pump.start()
    pump.stop()

    assert messages_left(parts) == 0


def test_a_scheduled_function_that_fails_does_not_keep_the_others_from_running(parts: LocalParts) -> None:
    ran = threading.Event()
    runs: list[int] = []

    @on_schedule("* * * * *")
    def fails(services: Services) -> None:
        runs.append(1)
        raise OSError("crashed")

    @on_schedule("* * * * *")
    def works(services: Services) -> None:
        ran.set()

    functions = [entry.event_function for entry in (fails, works)]  # type: ignore[attr-defined]
    pump = EventPump(parts, functions, schedule_seconds=0.05)
    pump.start()
    assert ran.wait(10)
    eventually(lambda: len(runs) > 2)
    pump.stop()


def test_a_restart_serves_what_was_there(tmp_path: Path) -> None:
    with LocalControlPlane(tmp_path) as first:
        desk = Desk(first)
        project_id = desk.ready_project()
        job = desk.render(project_id)
    with LocalControlPlane(tmp_path) as second:
        again = Desk(second, desk.user_id)

        assert again.job(project_id, job["job_id"]) == job
        assert again.claim(project_id, job["job_id"]).number == 1


def test_it_says_that_it_is_alive_to_anybody(control_plane: LocalControlPlane) -> None:
    assert control_plane.client().get("/healthz").json() == {"ok": True}
