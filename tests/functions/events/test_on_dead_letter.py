import logging

import pytest

from schemas.events import RenderDispatch
from tests.builders import Desk


def test_a_render_that_could_not_be_dispatched_fails(quiet_desk: Desk) -> None:
    job = quiet_desk.render(quiet_desk.ready_project(), execution_mode="cloud")
    dispatch = RenderDispatch(project_id=job["project_id"], job_id=job["job_id"])

    for _ in range(2):
        quiet_desk.control_plane.run("on_dead_letter", dispatch.model_dump_json())

    seen = quiet_desk.job(job["project_id"], job["job_id"])
    assert (seen["status"], seen["error_code"]) == ("failed", "dispatch_failed")
    assert [e["to_status"] for e in seen["events"]] == ["pending", "failed"]


@pytest.mark.parametrize(
    "data",
    [
        '{"kind": "project_deleted", "project_id": "p"}',
        '{"kind": "render", "job_id": "x"}',
        '{"a": [1]}',
        "{}",
        "no JSON",
        "",
    ],
)
def test_anything_else_is_kept_in_the_log(data: str, quiet_desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)

    quiet_desk.control_plane.run("on_dead_letter", data)

    (record,) = [record for record in caplog.records if getattr(record, "event", None) == "dead_letter"]
    assert record.levelname == "ERROR"


def test_a_render_that_was_dispatched_after_all_goes_on(quiet_desk: Desk) -> None:
    job = quiet_desk.render(quiet_desk.ready_project(), execution_mode="cloud")
    data = RenderDispatch(project_id=job["project_id"], job_id=job["job_id"]).model_dump_json()
    quiet_desk.control_plane.run("on_render_dispatch", data)

    quiet_desk.control_plane.run("on_dead_letter", data)

    assert quiet_desk.job(job["project_id"], job["job_id"])["status"] == "queued"
