"""The job lifecycle as a state machine over the real HTTP API: whatever people, workers and time do, the rules hold."""

from itertools import pairwise
from typing import Any

import httpx
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from functions.auth import hash_token
from functions.domain.jobs import LEASED_STATUSES, NEXT_STATUSES
from functions.domain.renders import RenderRecord
from schemas.events import MembersChanged
from schemas.jobs import FINAL_STATUSES, JobStatus
from tests.builders import CLIP_BYTES, Attempt, Desk, crc32c_of, put
from tests.support.control_plane import LocalControlPlane

LEASE_SECONDS = 60
an_attempt = st.sampled_from([-1, -1, -1, 0])
"""Mostly the newest claim, sometimes the oldest."""


class JobLifecycle(RuleBasedStateMachine):
    """One job, two workers, a third of somebody who comes and goes, its owner by hand, and the clock."""

    control_plane: LocalControlPlane

    def __init__(self) -> None:
        super().__init__()
        self.attempts: list[Attempt] = []
        self.seen: RenderRecord | None = None

    @initialize()
    def begin(self) -> None:
        self.desk = Desk(self.control_plane)
        self.guest, self.welcome = Desk(self.control_plane), True
        self.project_id = self.desk.ready_project(members=[self.guest.user_id])
        self.workers = [self.desk.worker(), self.desk.worker(), self.guest.worker()]
        self.create()

    @precondition(lambda self: self.seen is not None and self.seen.final)
    @rule()
    def create(self) -> None:
        self.job_id = self.desk.render(self.project_id)["job_id"]
        self.path = f"/projects/{self.project_id}/renders/{self.job_id}"
        self.attempts, self.seen = [], None

    @property
    def job(self) -> RenderRecord:
        return self.control_plane.render(self.job_id)

    def holds(self, attempt: Attempt) -> bool:
        """Whether this claim is the job's present or last one, by one who may still speak of it."""
        lease = self.job.lease
        return lease is not None and lease.token_sha256 == hash_token(attempt.token) and not self.gone(attempt.desk)

    def gone(self, desk: Desk) -> bool:
        """Whether this is the guest, and no longer welcome."""
        return desk is self.guest and not self.welcome

    def refusal(self, attempt: Attempt) -> tuple[int, str]:
        """What who does not hold the job is told."""
        return (404, "not_found") if self.gone(attempt.desk) else (409, "lease_lost")

    def expect(self, answer: httpx.Response, *allowed: tuple[int, str | None]) -> None:
        found = answer.status_code, answer.json().get("code")
        assert found in allowed, (found, allowed, answer.text)

    @rule(which=st.integers(0, 2))
    def claim(self, which: int) -> None:
        before = self.job
        desk = self.desk if which < 2 else self.guest
        answer = desk.http.post(f"{self.path}/claim", json={"worker_id": self.workers[which]})
        unheard = before.lease is not None and before.status in LEASED_STATUSES and not before.lease.confirmed
        again = unheard and before.lease is not None and before.lease.worker_id == self.workers[which]
        if self.gone(desk):
            self.expect(answer, (404, "not_found"))
        elif before.status is JobStatus.QUEUED or again:
            lease = answer.json()["lease"]
            assert lease["attempt"] == before.attempt + (not again)
            self.attempts.append(Attempt(desk, self.project_id, self.job_id, lease["attempt"], lease["token"]))
        else:
            self.expect(answer, (409, "lease_held" if before.status in LEASED_STATUSES else "illegal_state"))

    @precondition(lambda self: self.attempts)
    @rule(
        which=an_attempt,
        status=st.sampled_from([*["processing"] * 6, *["uploading"] * 3, "failed", "cancelled"]),
        progress=st.integers(0, 100),
    )
    def report(self, which: int, status: str, progress: int) -> None:
        """Twice: a repeated, late report must change nothing."""
        self.report_once(which, status, progress)
        self.rules_hold()
        self.report_once(which, status, progress // 2)

    def report_once(self, which: int, status: str, progress: int) -> None:
        attempt = self.attempts[which]
        before, held = self.job, self.holds(attempt)
        answer = attempt.report(status, progress)
        if not held:
            self.expect(answer, self.refusal(attempt))
            assert self.job == before
        elif status == before.status:
            self.expect(answer, (200, None))
        elif JobStatus(status) not in NEXT_STATUSES[before.status]:
            self.expect(answer, (409, "illegal_state"))
            assert self.job == before
        else:
            self.expect(answer, (200, None))

    @precondition(lambda self: self.attempts)
    @rule(which=an_attempt)
    def upload(self, which: int) -> None:
        attempt = self.attempts[which]
        before, held = self.job, self.holds(attempt)
        answer = attempt.post("upload-url", {"size_bytes": len(CLIP_BYTES), "crc32c": crc32c_of(CLIP_BYTES)})
        if held and not before.final:
            self.expect(answer, (200, None))
            assert put(answer.json(), CLIP_BYTES).status_code in {
                200,
                412,
            }  # 412: this attempt's object is there already
        else:
            self.expect(answer, (409, "illegal_state") if held else self.refusal(attempt))

    @precondition(lambda self: self.attempts)
    @rule(which=an_attempt, lie=st.sampled_from([{}, {"output_size_bytes": 1}, {"output_crc32c": "AAAAAA=="}]))
    def complete(self, which: int, lie: dict[str, Any]) -> None:
        if len(self.attempts) % 2:
            self.upload(which)
        attempt = self.attempts[which]
        before, held = self.job, self.holds(attempt)
        truth = {"output_size_bytes": len(CLIP_BYTES), "output_crc32c": crc32c_of(CLIP_BYTES)}
        answer = attempt.report("completed", 100, **{**truth, **lie})
        if not held:
            self.expect(answer, self.refusal(attempt))
        elif before.status is JobStatus.COMPLETED:
            self.expect(answer, (200, None))
        elif before.final:
            self.expect(answer, (409, "illegal_state"))
        elif not lie:
            self.expect(answer, (200, None), (409, "upload_missing"))
        else:
            self.expect(answer, (409, "upload_missing"), (409, "upload_mismatch"))

    @precondition(lambda self: self.attempts)
    @rule(which=an_attempt)
    def release(self, which: int) -> None:
        attempt = self.attempts[which]
        before, held = self.job, self.holds(attempt)
        answer = attempt.report("failed", released=True)
        if not held:
            self.expect(answer, self.refusal(attempt))
        elif before.final and before.status is not JobStatus.FAILED:
            self.expect(answer, (409, "illegal_state"))
        else:
            self.expect(answer, (200, None))
            assert self.job.losses == before.losses

    @precondition(lambda self: self.attempts)
    @rule(which=an_attempt)
    def heartbeat(self, which: int) -> None:
        attempt = self.attempts[which]
        before, held = self.job, self.holds(attempt)
        lease = {
            "project_id": self.project_id,
            "job_id": self.job_id,
            "kind": "render",
            "attempt": attempt.number,
            "token": attempt.token,
        }
        answer = self.desk.http.post(f"/workers/{self.workers[0]}/heartbeat", json={"leases": [lease], "free_slots": 0})
        (state,) = answer.json()["leases"]
        assert state["held"] == (held and not before.final)
        assert state["cancel_requested"] == (state["held"] and before.cancel_requested)

    @rule(sure=st.sampled_from([False, False, True]))
    def cancel(self, sure: bool) -> None:  # noqa: FBT001 - hypothesis names its arguments
        if not sure:
            return
        before = self.job
        answer = self.desk.http.post(f"{self.path}/cancel")
        over = before.status in {JobStatus.COMPLETED, JobStatus.FAILED}
        self.expect(answer, (409, "illegal_state") if over else (200, None))
        assert self.job.final or self.job.cancel_requested

    @rule(hand=st.sampled_from(["upload-url", "processing", "completed"]))
    def by_the_guide(self, hand: str) -> None:
        """The owner follows the guide with curl, and never claims anything."""
        before = self.job
        body = {} if hand == "upload-url" else {"job_id": self.job_id, "status": hand, "progress": 1}
        answer = self.desk.http.post(f"{self.path}/{'upload-url' if hand == 'upload-url' else 'webhook'}", json=body)
        if answer.status_code == 200 and hand == "upload-url":
            put(answer.json(), CLIP_BYTES).raise_for_status()
        held_by_worker = before.status in LEASED_STATUSES and before.lease is not None and before.lease.worker_id
        expired = before.lease_expires_at is not None and before.lease_expires_at <= self.control_plane.clock()
        if held_by_worker and not expired:
            self.expect(answer, (409, "lease_held"))
        else:
            self.expect(answer, (200, None), (409, "illegal_state"), (409, "upload_missing"))

    @rule(welcome=st.booleans())
    def members_change(self, welcome: bool) -> None:  # noqa: FBT001 - as above
        before, self.welcome = self.job, welcome
        members = [self.guest.user_id] if welcome else []
        self.desk.http.put(f"/projects/{self.project_id}/members", json={"members": members}).raise_for_status()
        told = MembersChanged(project_id=self.project_id).model_dump_json()
        self.control_plane.run("on_members_changed", told)
        job = self.job
        assert job.final or job.people == [self.desk.user_id, *members]
        assert job.losses == before.losses
        if job.status in LEASED_STATUSES and job.lease is not None:
            assert job.lease.user_id in job.people

    @rule(seconds=st.sampled_from([1, LEASE_SECONDS - 1, LEASE_SECONDS + 1, 4000]), sweep=st.booleans())
    def time_passes(self, seconds: int, sweep: bool) -> None:  # noqa: FBT001 - as above
        self.control_plane.pass_seconds(seconds)
        if sweep:
            now = self.control_plane.clock()
            self.control_plane.run("expire_leases")
            job = self.job
            assert job.lease_expires_at is None or job.lease_expires_at > now

    @invariant()
    def rules_hold(self) -> None:
        if not hasattr(self, "job_id"):
            return
        job, seen = self.job, self.seen
        trail = [(event.from_status, event.to_status) for event in job.events]
        assert trail[0] == (None, JobStatus.PENDING)
        assert all(before is not None and after in NEXT_STATUSES[before] for before, after in trail[1:])
        assert all(this[1] == following[0] for this, following in pairwise(trail))
        assert trail[-1][1] == job.status
        assert (job.lease_expires_at is not None) == (job.status in LEASED_STATUSES)
        assert not (job.cancel_requested and job.status is JobStatus.QUEUED)
        claims = [event.attempt for event in job.events if event.to_status is JobStatus.PROCESSING]
        assert claims == list(range(1, job.attempt + 1))
        lost = [event for event in job.events if event.detail in {"the lease ran out", "worker_lost"}]
        assert job.losses == len(lost) <= self.control_plane.settings.max_attempts
        if seen is not None:
            assert job.events[: len(seen.events)] == seen.events
            assert not seen.final or job == seen
            assert job.attempt >= seen.attempt
            if job.attempt == seen.attempt and job.lease is not None:
                assert job.progress >= seen.progress
        if job.status is JobStatus.COMPLETED:
            assert job.output_path is not None
            info = self.control_plane.services.objects.stat(job.output_path)
            assert info is not None
            assert (info.size_bytes, info.crc32c) == (job.output_size_bytes, job.output_crc32c)
        assert job.completed_at is None or job.status in FINAL_STATUSES
        self.seen = job

    def teardown(self) -> None:
        if hasattr(self, "desk"):
            self.desk.http.close()
            self.guest.http.close()


def run(control_plane: LocalControlPlane, *, examples: int, steps: int) -> None:
    machine = type("Machine", (JobLifecycle,), {"control_plane": control_plane})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],  # shrinking would take minutes, and a trail of sixty steps can be read
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_rules_hold_on_the_local_backend(control_plane: LocalControlPlane) -> None:
    run(control_plane, examples=40, steps=60)


def test_the_rules_hold_on_googles_emulators(google_control_plane: LocalControlPlane) -> None:
    run(google_control_plane, examples=4, steps=40)
