import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from functions.domain.projects import PROJECTS
from functions.domain.renders import RenderRecord
from functions.ports import Transaction
from tests.builders import Attempt, Desk

ANSWER_SECONDS = 30
"""A wait of 30 s that was heard ends at once; the tests give it so long that only a deaf one fails."""


def lease(attempt: Attempt, **fields: Any) -> dict[str, Any]:
    held = {"project_id": attempt.project_id, "job_id": attempt.job_id, "kind": "render", "attempt": attempt.number}
    return {**held, "token": attempt.token, **fields}


def beat(desk: Desk, worker_id: str, **body: Any) -> Any:
    answer = desk.http.post(f"/workers/{worker_id}/heartbeat", json={"free_slots": 0, **body})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
def attempt(desk: Desk) -> Attempt:
    project_id = desk.ready_project()
    return desk.claim(project_id, desk.render(project_id)["job_id"])


def test_leases_are_extended(attempt: Attempt, desk: Desk) -> None:
    worker_id = desk.worker()
    desk.control_plane.pass_seconds(desk.control_plane.settings.lease_seconds - 5)

    told = beat(desk, worker_id, leases=[lease(attempt)])
    desk.control_plane.pass_seconds(desk.control_plane.settings.lease_seconds - 5)
    desk.control_plane.run("expire_leases")

    (state,) = told["leases"]
    assert (state["held"], state["cancel_requested"], state["status"]) == (True, False, "processing")
    assert state["expires_at"] > told["server_time"]
    assert desk.job(attempt.project_id, attempt.job_id)["attempt"] == 1
    assert desk.job(attempt.project_id, attempt.job_id)["status"] == "processing"


def test_a_lost_lease_is_told(attempt: Attempt, desk: Desk, stranger: Desk) -> None:
    worker_id = desk.worker()
    theirs_id = stranger.ready_project()
    theirs = stranger.claim(theirs_id, stranger.render(theirs_id)["job_id"])
    attempt.report("failed", released=True).raise_for_status()
    leases = [
        lease(attempt),
        lease(theirs, token="invented"),
        lease(theirs, project_id=attempt.project_id),
        lease(attempt, job_id="unknown"),
    ]

    told = beat(desk, worker_id, leases=leases, wait_seconds=30)["leases"]

    assert [(state["held"], state["cancel_requested"], state["expires_at"]) for state in told] == [
        (False, False, None)
    ] * 4
    assert [state["status"] for state in told] == ["queued", "processing", None, None]
    assert stranger.job(theirs_id, theirs.job_id)["attempt"] == 1


def test_waiting_jobs_oldest_first_and_no_more_than_there_are_slots(desk: Desk) -> None:
    worker_id = desk.worker()
    project_id = desk.ready_project()
    jobs = [desk.render(project_id)["job_id"] for _ in range(3)]

    waiting = beat(desk, worker_id, free_slots=2)["waiting"]

    assert waiting == [{"project_id": project_id, "job_id": job_id, "kind": "render"} for job_id in jobs[:2]]
    assert beat(desk, worker_id, free_slots=0)["waiting"] == []


def test_jobs_of_others_are_never_offered(desk: Desk, stranger: Desk) -> None:
    stranger.render(stranger.ready_project())

    assert beat(desk, desk.worker(), free_slots=64)["waiting"] == []


def test_jobs_that_could_not_be_claimed_do_not_keep_others_from_being_offered(desk: Desk, stranger: Desk) -> None:
    """What tells a job of its project's end or of its members comes later, and need not come soon."""
    gone, left, theirs = desk.ready_project(), stranger.ready_project(members=[desk.user_id]), desk.ready_project()
    for project_id in (gone, left):
        (desk if project_id == gone else stranger).render(project_id)
    job_id = desk.render(theirs)["job_id"]

    def change(tx: Transaction) -> None:
        project = tx.get(PROJECTS, left)
        assert project is not None
        tx.delete(PROJECTS, gone)
        tx.put(PROJECTS, left, {**project, "people": [stranger.user_id]})

    desk.control_plane.services.documents.transaction(change)

    assert [job["job_id"] for job in beat(desk, desk.worker(), free_slots=1)["waiting"]] == [job_id]


def test_a_job_that_cannot_be_expired_does_not_cost_the_heartbeat(
    attempt: Attempt, desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    desk.control_plane.pass_seconds(desk.control_plane.settings.lease_seconds + 1)
    worker_id = desk.worker()

    def broken(document: dict[str, object]) -> object:
        raise ValueError("a record of a later version")

    with monkeypatch.context() as patched:
        patched.setattr(RenderRecord, "load", staticmethod(broken))
        assert beat(desk, worker_id, free_slots=1)["waiting"] == []

    assert "lease_expiry_failed" in [getattr(record, "event", None) for record in caplog.records]
    assert [job["job_id"] for job in beat(desk, worker_id, free_slots=1)["waiting"]] == [attempt.job_id]


def test_a_desk_that_asks_need_not_wait_for_the_schedule(attempt: Attempt, desk: Desk) -> None:
    desk.control_plane.pass_seconds(desk.control_plane.settings.lease_seconds + 1)

    (offered,) = beat(desk, desk.worker(), free_slots=1)["waiting"]

    assert offered["job_id"] == attempt.job_id
    assert desk.claim(attempt.project_id, attempt.job_id).number == 2


class Waiting:
    """A heartbeat that waits, in a thread of its own."""

    def __init__(self, desk: Desk, worker_id: str, **body: Any) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._sent = threading.Event()

        def wait() -> Any:
            http = desk.control_plane.client(desk.user_id)
            http.event_hooks = {"request": [lambda _: self._sent.set()]}
            body_ = {"free_slots": 1, "wait_seconds": 30, **body}
            return http.post(f"/workers/{worker_id}/heartbeat", json=body_, timeout=httpx.Timeout(60)).json()

        self._answer: Future[Any] = self._pool.submit(wait)
        assert self._sent.wait(ANSWER_SECONDS)

    def answer(self) -> Any:
        told = self._answer.result(ANSWER_SECONDS / 2)
        self._pool.shutdown()
        return told


def test_a_waiting_heartbeat_hears_of_a_new_job(desk: Desk) -> None:
    project_id, worker_id = desk.ready_project(), desk.worker()
    waiting = Waiting(desk, worker_id)

    job_id = desk.render(project_id)["job_id"]

    assert [job["job_id"] for job in waiting.answer()["waiting"]] == [job_id]


def test_a_waiting_heartbeat_hears_of_a_cancel(attempt: Attempt, desk: Desk) -> None:
    waiting = Waiting(desk, desk.worker(), leases=[lease(attempt)], free_slots=0)

    desk.http.post(f"{attempt.path}/cancel").raise_for_status()

    (state,) = waiting.answer()["leases"]
    assert (state["held"], state["cancel_requested"]) == (True, True)


def test_a_cancel_that_the_desk_knows_of_does_not_wake_it_again(attempt: Attempt, desk: Desk) -> None:
    worker_id = desk.worker()
    desk.http.post(f"{attempt.path}/cancel").raise_for_status()
    assert beat(desk, worker_id, leases=[lease(attempt)], wait_seconds=30)["leases"][0]["cancel_requested"]
    waiting = Waiting(desk, worker_id, leases=[lease(attempt, cancelling=True)])

    job_id = desk.render(attempt.project_id)["job_id"]

    assert [job["job_id"] for job in waiting.answer()["waiting"]] == [job_id]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"free_slots": 65}, "/free_slots"),
        ({"free_slots": 1, "wait_seconds": 31}, "/wait_seconds"),
        ({"free_slots": 1, "leases": [{"job_id": "x"}]}, "/leases/0/project_id"),
        ({}, "/free_slots"),
    ],
)
def test_a_wrong_field_is_422(body: dict[str, Any], pointer: str, desk: Desk) -> None:
    answer = desk.http.post(f"/workers/{desk.worker()}/heartbeat", json=body)

    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
