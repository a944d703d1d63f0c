from datetime import timedelta

import pytest

from functions.domain.outbox import OUTBOX
from functions.errors import Unavailable
from functions.events import publish_outbox
from functions.events.publish_outbox import GRACE_SECONDS
from schemas.events import Topic
from tests.builders import Desk


@pytest.fixture
def deaf_bus(quiet_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The bus of this control plane is down until the fixture is undone."""

    def refuse(topic: Topic, data: str, attributes: object) -> None:
        raise Unavailable

    monkeypatch.setattr(quiet_desk.control_plane.services.bus, "publish", refuse)
    return monkeypatch


def waiting(desk: Desk, job_id: str) -> int:
    return sum(job_id in message["data"] for message in desk.control_plane.documents(OUTBOX))


def test_what_could_not_be_published_is_published_later(quiet_desk: Desk, deaf_bus: pytest.MonkeyPatch) -> None:
    job_id = quiet_desk.render(quiet_desk.ready_project())["job_id"]
    assert waiting(quiet_desk, job_id) == 1
    quiet_desk.control_plane.pass_seconds(GRACE_SECONDS + 1)
    quiet_desk.control_plane.run("publish_outbox")
    assert waiting(quiet_desk, job_id) == 1

    deaf_bus.undo()
    with quiet_desk.control_plane.services.bus.listen(quiet_desk.user_id) as bell:
        quiet_desk.control_plane.run("publish_outbox")
        assert bell.wait(10)

    assert waiting(quiet_desk, job_id) == 0


def test_what_a_handler_has_just_written_is_left_to_it(quiet_desk: Desk, deaf_bus: pytest.MonkeyPatch) -> None:
    job_id = quiet_desk.render(quiet_desk.ready_project())["job_id"]
    deaf_bus.undo()

    quiet_desk.control_plane.run("publish_outbox")

    assert waiting(quiet_desk, job_id) == 1


def test_one_failure_ends_the_attempts_on_that_topic_only(quiet_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Topic] = []
    with monkeypatch.context() as patched:

        def refuse(topic: Topic, data: str, attributes: object) -> None:
            if topic is not Topic.OBJECT_FINALIZED:
                tried.append(topic)
            raise Unavailable

        patched.setattr(quiet_desk.control_plane.services.bus, "publish", refuse)
        project_id = quiet_desk.ready_project(members=["a", "b", "c"])
        job = quiet_desk.render(project_id)
        assert tried == [Topic.DOORBELLS]
        assert waiting(quiet_desk, job["job_id"]) == 4
        quiet_desk.http.delete(f"/projects/{project_id}").raise_for_status()
        quiet_desk.control_plane.clock.offset += timedelta(seconds=GRACE_SECONDS + 1)
        tried.clear()
        quiet_desk.control_plane.run("publish_outbox")

    assert sorted(tried) == [Topic.DOORBELLS, Topic.PROJECT_DELETED]


def test_a_failure_of_any_kind_leaves_the_answer_to_what_was_committed(
    quiet_desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(topic: Topic, data: str, attributes: object) -> None:
        if topic is Topic.DOORBELLS:
            raise PermissionError("the service account may not publish")

    project_id = quiet_desk.ready_project()
    with monkeypatch.context() as patched:
        patched.setattr(quiet_desk.control_plane.services.bus, "publish", refuse)
        job_id = quiet_desk.render(project_id)["job_id"]

    assert waiting(quiet_desk, job_id) == 1
    assert "publish_deferred" in [getattr(record, "event", None) for record in caplog.records]


def test_what_piles_up_on_one_topic_does_not_hide_the_others(quiet_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    publish = quiet_desk.control_plane.services.bus.publish

    def refuse_doorbells(topic: Topic, data: str, attributes: dict[str, str]) -> None:
        if topic is Topic.DOORBELLS:
            raise Unavailable
        publish(topic, data, attributes)

    def refuse(topic: Topic, data: str, attributes: object) -> None:
        raise Unavailable

    bus = quiet_desk.control_plane.services.bus
    with monkeypatch.context() as patched:
        patched.setattr(publish_outbox, "MAX_MESSAGES_PER_TOPIC", 3)
        patched.setattr(bus, "publish", refuse)
        project_id = quiet_desk.ready_project(members=["a", "b", "c"])
        job_id = quiet_desk.render(project_id)["job_id"]
        quiet_desk.http.delete(f"/projects/{project_id}").raise_for_status()
        quiet_desk.control_plane.pass_seconds(GRACE_SECONDS + 1)
        patched.setattr(bus, "publish", refuse_doorbells)
        quiet_desk.control_plane.run("publish_outbox")

        left = [m["topic"] for m in quiet_desk.control_plane.documents(OUTBOX) if project_id in m["data"]]
        assert left == [Topic.DOORBELLS.value] * 4
        assert waiting(quiet_desk, job_id) == 4
