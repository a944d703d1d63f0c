from datetime import timedelta

import pytest

from functions.domain.outbox import OUTBOX
from functions.errors import Unavailable
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
