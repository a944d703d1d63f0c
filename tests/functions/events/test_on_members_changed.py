from collections import Counter

import pytest

from functions.domain.outbox import OUTBOX
from schemas.events import MembersChanged, Topic
from tests.builders import Desk


@pytest.fixture
def guest(quiet_desk: Desk) -> Desk:
    """Somebody who is made a member, or was one."""
    return Desk(quiet_desk.control_plane)


def set_members(desk: Desk, project_id: str, *members: Desk) -> None:
    """Both halves: the call, and the function it wakes, as Pub/Sub may wake it: twice."""
    body = {"members": [member.user_id for member in members]}
    desk.http.put(f"/projects/{project_id}/members", json=body).raise_for_status()
    for _ in range(2):
        desk.control_plane.run("on_members_changed", MembersChanged(project_id=project_id).model_dump_json())


def people(desk: Desk, job_id: str) -> list[str]:
    return desk.control_plane.render(job_id).people


def test_open_jobs_get_the_people_of_their_project_and_others_keep_theirs(quiet_desk: Desk, guest: Desk) -> None:
    project_id, other_id = quiet_desk.ready_project(), quiet_desk.ready_project()
    queued = quiet_desk.render(project_id)["job_id"]
    pending = quiet_desk.render(project_id, execution_mode="cloud")["job_id"]
    held = quiet_desk.claim(project_id, quiet_desk.render(project_id)["job_id"])
    uploading = quiet_desk.claim(project_id, quiet_desk.render(project_id)["job_id"])
    uploading.report("uploading").raise_for_status()
    over = quiet_desk.claim(project_id, quiet_desk.render(project_id)["job_id"])
    over.report("failed").raise_for_status()
    elsewhere = quiet_desk.render(other_id)["job_id"]

    set_members(quiet_desk, project_id, guest)

    everybody = [quiet_desk.user_id, guest.user_id]
    assert [people(quiet_desk, job) for job in (queued, pending, held.job_id, uploading.job_id)] == [everybody] * 4
    assert [people(quiet_desk, job) for job in (over.job_id, elsewhere)] == [[quiet_desk.user_id]] * 2
    assert held.report("processing", 5).status_code == 200


def test_a_removed_desk_loses_its_lease_and_the_job_is_no_nearer_to_its_end(quiet_desk: Desk, guest: Desk) -> None:
    project_id = quiet_desk.ready_project(members=[guest.user_id])
    attempt = guest.claim(project_id, quiet_desk.render(project_id)["job_id"])
    attempt.report("processing", 60).raise_for_status()
    body = {"job_id": attempt.job_id, "status": "processing", "progress": 61}
    token_alone = quiet_desk.control_plane.client(headers={"X-Lease-Token": attempt.token})

    set_members(quiet_desk, project_id)

    job = quiet_desk.control_plane.render(attempt.job_id)
    assert (job.status, job.losses, job.lease) == ("queued", 0, None)
    assert "no longer belongs" in str(job.events[-1].detail)
    assert token_alone.post(f"{attempt.path}/webhook", json=body).status_code == 404
    assert quiet_desk.claim(project_id, attempt.job_id).number == 2


def test_a_removed_person_who_works_by_hand_loses_it_too(quiet_desk: Desk, guest: Desk) -> None:
    project_id = quiet_desk.ready_project(members=[guest.user_id])
    job_id = quiet_desk.render(project_id)["job_id"]
    guest.http.post(f"/projects/{project_id}/renders/{job_id}/upload-url").raise_for_status()

    set_members(quiet_desk, project_id)

    assert quiet_desk.job(project_id, job_id)["status"] == "queued"


def test_each_person_is_rung_once_however_many_jobs_wait(
    quiet_desk: Desk, guest: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    project_id = quiet_desk.ready_project()
    for _ in range(3):
        quiet_desk.render(project_id)
    rung: Counter[str] = Counter()
    bus = quiet_desk.control_plane.services.bus
    publish = bus.publish

    def count(topic: Topic, data: str, attributes: dict[str, str]) -> None:
        if topic is Topic.DOORBELLS:
            rung[attributes["pool"]] += 1
        publish(topic, data, attributes)

    members = {"members": [guest.user_id]}
    with monkeypatch.context() as patched:
        patched.setattr(bus, "publish", count)
        quiet_desk.http.put(f"/projects/{project_id}/members", json=members).raise_for_status()
        assert rung == {}
        told = MembersChanged(project_id=project_id).model_dump_json()
        quiet_desk.control_plane.run("on_members_changed", told)

    assert rung == {quiet_desk.user_id: 1, guest.user_id: 1}
    assert [m for m in quiet_desk.control_plane.documents(OUTBOX) if project_id in m["data"]] == []


def test_a_project_that_is_gone_meanwhile_is_left_alone(quiet_desk: Desk) -> None:
    project_id = quiet_desk.ready_project()
    job_id = quiet_desk.render(project_id)["job_id"]
    quiet_desk.http.delete(f"/projects/{project_id}").raise_for_status()

    quiet_desk.control_plane.run("on_members_changed", MembersChanged(project_id=project_id).model_dump_json())

    assert people(quiet_desk, job_id) == [quiet_desk.user_id]
