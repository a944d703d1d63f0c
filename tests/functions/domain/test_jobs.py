"""The lifecycle's rules one by one; ``test_job_lifecycle_machine.py`` tries them in every order."""

from datetime import UTC, datetime, timedelta

import pytest

from functions.backends.local.document_json import MAX_DOCUMENT_BYTES
from functions.domain import jobs
from functions.domain.jobs import LEASED_STATUSES, MAX_EVENTS, NEXT_STATUSES, JobRecord, Lease
from functions.errors import IllegalState, LeaseHeld, LeaseLost
from schemas.jobs import FINAL_STATUSES, JobKind, JobStatus

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WORKER = Lease(holder="worker:w", user_id="anna", worker_id="w", token_sha256="a" * 64, seconds=60)
PERSON = Lease(holder="user:anna", user_id="anna", seconds=3600)


def job(status: JobStatus = JobStatus.QUEUED, **fields: object) -> JobRecord:
    made = JobRecord(
        job_id="j",
        kind=JobKind.RENDER,
        project_id="p",
        people=["anna"],
        status=status,
        created_by="user:anna",
        created_at=NOW,
    )
    return made.changed(**fields)


def claimed(lease: Lease = WORKER) -> JobRecord:
    return jobs.claim(job(), lease, now=NOW)


def as_anna(record: JobRecord, *, attempt: int | None = None, now: datetime = NOW) -> JobRecord:
    return jobs.as_holder(record, user_id="anna", attempt=attempt, now=now, implicit_lease_seconds=3600, max_losses=3)


@pytest.mark.parametrize("status", JobStatus)
@pytest.mark.parametrize("to", JobStatus)
def test_only_steps_of_the_diagram(status: JobStatus, to: JobStatus) -> None:
    if to in NEXT_STATUSES[status]:
        assert jobs.move(job(status), to, now=NOW, actor="system").status is to
    else:
        with pytest.raises(IllegalState, match=f"is {status} and cannot become {to}"):
            jobs.move(job(status), to, now=NOW, actor="system")


def test_nothing_leaves_a_final_status() -> None:
    assert all(not NEXT_STATUSES[status] for status in FINAL_STATUSES)
    assert set(NEXT_STATUSES) == set(JobStatus)


def test_a_step_is_kept_in_the_trail() -> None:
    event = claimed().events[-1]

    assert (event.at, event.actor, event.attempt) == (NOW, "worker:w", 1)
    assert (event.from_status, event.to_status) == (JobStatus.QUEUED, JobStatus.PROCESSING)


def test_the_trail_is_bounded_and_so_are_its_texts() -> None:
    record = job()
    for _ in range(MAX_EVENTS):
        record = jobs.claim(record, WORKER, now=NOW)
        record = jobs.release(record, now=NOW, actor="worker:w", detail="🎬" * 5000)

    assert len(record.events) == MAX_EVENTS
    assert {len(event.detail or "") for event in record.events} == {0, jobs.MAX_DETAIL_LENGTH}
    assert record.attempt == MAX_EVENTS
    assert len(record.model_dump_json().encode()) < MAX_DOCUMENT_BYTES / 2


@pytest.mark.parametrize("status", sorted(LEASED_STATUSES))
def test_what_is_held_cannot_be_claimed(status: JobStatus) -> None:
    with pytest.raises(LeaseHeld):
        jobs.claim(claimed().changed(status=status), WORKER.changed(worker_id="other"), now=NOW)


def test_a_claim_whose_answer_was_lost_is_answered_again() -> None:
    later, fresh = NOW + timedelta(seconds=5), WORKER.changed(token_sha256="b" * 64)

    again = jobs.claim(claimed(), fresh, now=later)

    assert (again.attempt, again.lease, len(again.events)) == (1, fresh, len(claimed().events))
    assert again.lease_expires_at == later + timedelta(seconds=60)


@pytest.mark.parametrize("held", [jobs.extend(claimed(), now=NOW), claimed(PERSON)], ids=["heard of", "by hand"])
def test_who_was_heard_of_has_its_token(held: JobRecord) -> None:
    with pytest.raises(LeaseHeld):
        jobs.claim(held, WORKER, now=NOW)


def test_a_call_with_the_token_is_to_be_heard_of() -> None:
    spoke = jobs.as_holder(claimed(), user_id=None, attempt=1, now=NOW, implicit_lease_seconds=3600, max_losses=3)

    with pytest.raises(LeaseHeld):
        jobs.claim(spoke, WORKER, now=NOW)


@pytest.mark.parametrize("status", sorted({*FINAL_STATUSES, JobStatus.PENDING}))
def test_what_is_not_offered_cannot_be_claimed(status: JobStatus) -> None:
    with pytest.raises(IllegalState):
        jobs.claim(job(status), WORKER, now=NOW)


def test_the_token_of_the_attempt_is_the_fence() -> None:
    record = claimed()

    jobs.check_token(record, "a" * 64)
    for wrong in ("b" * 64, "", "a" * 63):
        with pytest.raises(LeaseLost):
            jobs.check_token(record, wrong)
    for tokenless in (job(), claimed(PERSON)):
        with pytest.raises(LeaseLost):
            jobs.check_token(tokenless, "a" * 64)


def test_a_lease_lives_until_its_last_moment() -> None:
    record = claimed()

    assert jobs.expire(record, now=NOW + timedelta(seconds=59.999), max_losses=3) is record
    expired = jobs.expire(record, now=NOW + timedelta(seconds=60), max_losses=3)
    assert (expired.status, expired.losses, expired.lease) == (JobStatus.QUEUED, 1, None)


def test_extending_starts_anew_and_leaves_alone_what_nobody_works_on() -> None:
    later = NOW + timedelta(seconds=30)

    assert jobs.extend(claimed(), now=later).lease_expires_at == later + timedelta(seconds=60)
    assert jobs.extend(job(), now=later) == job()


def test_the_last_loss_fails_the_job_and_names_the_holder() -> None:
    lost = jobs.expire(claimed().changed(losses=2), now=NOW + timedelta(hours=1), max_losses=3)

    assert (lost.status, lost.error_code, lost.losses) == (JobStatus.FAILED, "worker_lost", 3)
    assert "worker:w" in str(lost.error_message)


def test_a_cancel_that_nobody_answered_is_done_at_the_end_of_the_lease() -> None:
    asked = jobs.cancel(claimed(), now=NOW, actor="user:anna", reason="enough")
    assert (asked.status, asked.cancel_requested) == (JobStatus.PROCESSING, True)

    done = jobs.expire(asked, now=NOW + timedelta(hours=1), max_losses=3)

    assert (done.status, done.losses, done.cancel_reason) == (JobStatus.CANCELLED, 0, "enough")


def test_the_third_execution_that_never_claims_was_the_last() -> None:
    awaited = job(lease_expires_at=NOW, losses=2)

    failed = jobs.expire(awaited, now=NOW, max_losses=3)

    assert (failed.status, failed.error_code, failed.losses) == (JobStatus.FAILED, "worker_lost", 3)
    assert "never claimed" in str(failed.error_message)
    assert awaited.lease_view() is None


@pytest.mark.parametrize("lease", [WORKER, PERSON], ids=["desk", "by hand"])
def test_who_no_longer_belongs_to_the_project_loses_the_job(lease: Lease) -> None:
    taken = jobs.with_people(claimed(lease), ["berta"], now=NOW)

    assert (taken.status, taken.losses, taken.lease, taken.people) == (JobStatus.QUEUED, 0, None, ["berta"])


@pytest.mark.parametrize(
    ("record", "people"),
    [
        (job(), ["berta"]),
        (claimed(), ["berta", "anna"]),
        (claimed(WORKER.changed(user_id=None)), ["berta"]),
        (job(JobStatus.COMPLETED, lease=WORKER), ["berta"]),
    ],
    ids=["waiting", "still one of them", "in the cloud", "over"],
)
def test_all_others_go_on(record: JobRecord, people: list[str]) -> None:
    assert jobs.with_people(record, people, now=NOW) == record.changed(people=people)


def test_cancelling_twice_changes_nothing() -> None:
    cancelled = jobs.cancel(job(), now=NOW, actor="user:anna", reason="enough")

    assert jobs.cancel(cancelled, now=NOW, actor="user:berta", reason="too") is cancelled


def test_a_release_is_no_loss_but_ends_a_cancelled_job() -> None:
    released = jobs.release(claimed(), now=NOW, actor="worker:w", detail=None)
    asked = jobs.cancel(claimed(), now=NOW, actor="user:anna", reason=None)

    assert (released.status, released.losses) == (JobStatus.QUEUED, 0)
    assert jobs.release(asked, now=NOW, actor="worker:w", detail=None).status is JobStatus.CANCELLED


def test_who_follows_the_guide_claims_by_speaking() -> None:
    first = as_anna(job())
    again = as_anna(first)

    assert (first.status, first.attempt, first.lease) == (JobStatus.PROCESSING, 1, PERSON)
    assert again is first
    assert as_anna(first, attempt=1) is first


def test_a_person_takes_over_from_a_worker_whose_lease_ran_out() -> None:
    with pytest.raises(LeaseHeld):
        as_anna(claimed())

    taken = as_anna(claimed(), now=NOW + timedelta(seconds=60))

    assert (taken.attempt, taken.losses, taken.lease) == (2, 1, PERSON)


def test_a_stale_attempt_number_is_lost() -> None:
    for attempt in (0, 2):
        with pytest.raises(LeaseLost):
            as_anna(as_anna(job()), attempt=attempt)


def test_the_lease_is_shown_without_its_secret() -> None:
    view = claimed().lease_view()

    assert view is not None
    assert (view.worker_id, view.attempt) == ("w", 1)
    assert "a" * 64 not in view.model_dump_json()
    assert job().lease_view() is None
