import pytest

from functions.domain.outbox import OUTBOX
from functions.domain.renders import RENDERS, RenderRecord
from tests.builders import Attempt, Desk


def claimed(desk: Desk) -> Attempt:
    project_id = desk.ready_project()
    return desk.claim(project_id, desk.render(project_id)["job_id"])


def expire(desk: Desk, seconds: float) -> None:
    desk.control_plane.pass_seconds(seconds)
    desk.control_plane.run("expire_leases")


def test_a_lapsed_lease_puts_the_job_back_and_rings(quiet_desk: Desk) -> None:
    attempt = claimed(quiet_desk)
    attempt.report("processing", 60, phase="encode").raise_for_status()

    with quiet_desk.control_plane.services.bus.listen(quiet_desk.user_id) as bell:
        expire(quiet_desk, 61)
        assert bell.wait(10)

    job = quiet_desk.job(attempt.project_id, attempt.job_id)
    assert (job["status"], job["progress"], job["phase"], job["lease"]) == ("queued", 0.0, None, None)
    assert job["events"][-1]["actor"] == "system"
    assert attempt.report("processing", 61).json()["code"] == "lease_lost"


def test_a_living_lease_stays(quiet_desk: Desk) -> None:
    attempt = claimed(quiet_desk)

    expire(quiet_desk, 58)

    assert quiet_desk.job(attempt.project_id, attempt.job_id)["status"] == "processing"


def test_by_hand_the_lease_is_an_hour(quiet_desk: Desk) -> None:
    project_id = quiet_desk.ready_project()
    job_id = quiet_desk.render(project_id)["job_id"]
    quiet_desk.http.post(f"/projects/{project_id}/renders/{job_id}/upload-url").raise_for_status()

    expire(quiet_desk, 3000)
    assert quiet_desk.job(project_id, job_id)["status"] == "processing"
    expire(quiet_desk, 700)
    assert quiet_desk.job(project_id, job_id)["status"] == "queued"


def test_one_that_cannot_be_expired_does_not_hold_up_the_others(
    quiet_desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = claimed(quiet_desk), claimed(quiet_desk)
    whole = RenderRecord.load

    def broken(document: dict[str, object]) -> object:
        if document["job_id"] == first.job_id:
            raise ValueError("a record of a later version")
        return whole(document)

    with monkeypatch.context() as patched:
        patched.setattr(RenderRecord, "load", staticmethod(broken))
        expire(quiet_desk, 61)

    statuses = [quiet_desk.control_plane.render(a.job_id).status for a in (first, second)]
    assert statuses == ["processing", "queued"]
    assert "lease_expiry_failed" in [getattr(record, "event", None) for record in caplog.records]
    quiet_desk.control_plane.run("expire_leases")
    assert quiet_desk.control_plane.render(first.job_id).status == "queued"


def test_nothing_is_left_to_announce(quiet_desk: Desk) -> None:
    attempt = claimed(quiet_desk)

    expire(quiet_desk, 61)

    assert [m for m in quiet_desk.control_plane.documents(OUTBOX) if attempt.job_id in m["data"]] == []
    assert quiet_desk.control_plane.services.documents.get(RENDERS, attempt.job_id)
