from datetime import datetime

import pytest

from tests.builders import CLIP_BYTES, Attempt, Desk, crc32c_of, put


@pytest.fixture
def attempt(desk: Desk) -> Attempt:
    project_id = desk.ready_project()
    return desk.claim(project_id, desk.render(project_id)["job_id"])


def test_from_processing_to_completed(attempt: Attempt, desk: Desk) -> None:
    facts = {"phase": "encode", "current_frame": 24, "total_frames": 48, "fps": 12.5, "eta_seconds": 2, "message": "ok"}

    processing = attempt.report("processing", 50, **facts)
    seen = desk.job(attempt.project_id, attempt.job_id)
    uploading = attempt.report("uploading", 99)
    output = attempt.upload()
    completed = attempt.report("completed", 100, **output)

    assert [a.json()["status"] for a in (processing, uploading, completed)] == ["processing", "uploading", "completed"]
    assert set(processing.json()) == {"ok", "status", "cancel_requested", "lease_expires_at"}
    assert {name: seen[name] for name in facts} == facts
    job = desk.job(attempt.project_id, attempt.job_id)
    assert {name: job[name] for name in output} == output
    assert (job["progress"], job["lease"], job["phase"], job["eta_seconds"]) == (100.0, None, None, None)
    assert job["started_at"] < job["completed_at"]
    assert completed.json()["lease_expires_at"] is None


def test_the_guide_by_hand_needs_no_claim(desk: Desk) -> None:
    project_id = desk.ready_project()
    job_id = desk.render(project_id)["job_id"]
    path = f"/projects/{project_id}/renders/{job_id}"
    ticket = desk.http.post(f"{path}/upload-url").json()
    put(ticket, CLIP_BYTES).raise_for_status()

    answer = desk.http.post(
        f"{path}/webhook",
        json={
            "job_id": job_id,
            "status": "completed",
            "progress": 100,
            "output_url": ticket["gcs_path"],
            "output_size_bytes": len(CLIP_BYTES),
        },
    )

    assert (answer.json()["ok"], answer.json()["status"]) == (True, "completed")
    job = desk.job(project_id, job_id)
    assert (job["output_url"], job["output_crc32c"]) == (ticket["gcs_path"], crc32c_of(CLIP_BYTES))
    assert [e["actor"] for e in job["events"][2:]] == [f"user:{desk.user_id}"] * 2


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
def test_the_same_final_report_again_changes_nothing(status: str, attempt: Attempt, desk: Desk) -> None:
    fields = attempt.upload() if status == "completed" else {"error_code": "disk_full", "error_message": "full"}
    answers = [attempt.report(status, 100, **fields)]
    after_one = desk.job(attempt.project_id, attempt.job_id)

    answers += [attempt.report(status, 100, **fields) for _ in range(3)]

    assert [a.status_code for a in answers] == [200] * 4
    assert desk.job(attempt.project_id, attempt.job_id) == after_one


def test_progress_never_falls(attempt: Attempt, desk: Desk) -> None:
    for progress in (10, 80, 20, 80, 81):
        assert attempt.report("processing", progress, message=f"at {progress}").status_code == 200

    job = desk.job(attempt.project_id, attempt.job_id)
    assert (job["progress"], job["message"]) == (81.0, "at 81")
    assert len(job["events"]) == 3


def test_a_report_extends_the_lease(attempt: Attempt, desk: Desk) -> None:
    before = desk.job(attempt.project_id, attempt.job_id)["lease"]["expires_at"]

    desk.control_plane.pass_seconds(20)
    after = attempt.report("processing", 1).json()["lease_expires_at"]

    moved = datetime.fromisoformat(after) - datetime.fromisoformat(before)
    assert moved.total_seconds() > 20


def test_failed_says_why(attempt: Attempt, desk: Desk) -> None:
    attempt.report("failed", 30, error_code="ffmpeg_failed", error_message="x" * 8000).raise_for_status()

    job = desk.job(attempt.project_id, attempt.job_id)
    assert (job["status"], job["error_code"], len(job["error_message"])) == ("failed", "ffmpeg_failed", 8000)
    assert job["events"][-1]["detail"] == "ffmpeg_failed"


def test_a_released_job_is_offered_again_at_no_cost(attempt: Attempt, desk: Desk) -> None:
    attempt.report("processing", 40, phase="encode").raise_for_status()
    attempt.post("upload-url", {}).raise_for_status()

    answer = attempt.report("failed", 40, released=True, message="shutting down")

    job = desk.job(attempt.project_id, attempt.job_id)
    assert (answer.json()["status"], job["status"], job["progress"], job["phase"]) == ("queued", "queued", 0.0, None)
    assert (job["lease"], job["output_path"], job["error_code"]) == (None, None, None)
    assert desk.control_plane.render(attempt.job_id).losses == 0
    assert desk.claim(attempt.project_id, attempt.job_id).number == 2


def test_a_stale_attempt_is_409(attempt: Attempt, desk: Desk) -> None:
    attempt.report("failed", released=True).raise_for_status()
    second = desk.claim(attempt.project_id, attempt.job_id)

    stale_token = attempt.report("processing", 99)
    second.number = 1
    stale_number = second.report("processing", 99)

    assert [a.json()["code"] for a in (stale_token, stale_number)] == ["lease_lost", "lease_lost"]
    assert desk.job(attempt.project_id, attempt.job_id)["progress"] == 0.0


def test_a_holder_whose_lease_ran_out_goes_on_if_nobody_took_the_job(attempt: Attempt, desk: Desk) -> None:
    desk.control_plane.pass_seconds(desk.control_plane.settings.lease_seconds + 1)

    assert attempt.report("processing", 50).status_code == 200
    desk.control_plane.run("expire_leases")
    assert desk.job(attempt.project_id, attempt.job_id)["attempt"] == 1


def test_a_lease_token_is_enough(attempt: Attempt, desk: Desk) -> None:
    body = {"job_id": attempt.job_id, "status": "processing", "progress": 1}

    with desk.control_plane.client(headers={"X-Lease-Token": attempt.token}) as http:
        assert http.post(f"{attempt.path}/webhook", json=body).status_code == 200


def test_a_lease_token_of_another_job_is_worth_nothing(attempt: Attempt, desk: Desk) -> None:
    other = desk.claim(attempt.project_id, desk.render(attempt.project_id)["job_id"])
    other.token = attempt.token

    assert other.report("processing", 1).json()["code"] == "lease_lost"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"job_id": "another"}, "/job_id"),
        ({"progress": 101}, "/progress"),
        ({"progress": -1}, "/progress"),
        ({"attempt": 0}, "/attempt"),
        ({"error_code": "Not A Code"}, "/error_code"),
        ({"output_crc32c": "x"}, "/output_crc32c"),
        ({"current_frame": -1}, "/current_frame"),
        ({"message": "x" * 8001}, "/message"),
    ],
)
def test_a_wrong_field_is_422(body: dict[str, object], pointer: str, attempt: Attempt) -> None:
    answer = attempt.post("webhook", {"job_id": attempt.job_id, "status": "processing", "progress": 1, **body})

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize("lie", [{"output_crc32c": "AAAAAA=="}, {"output_size_bytes": 1}])
def test_bytes_that_are_not_what_was_reported_can_be_sent_again(
    lie: dict[str, object], attempt: Attempt, desk: Desk
) -> None:
    told = attempt.upload()

    refused = attempt.report("completed", 100, **{**told, **lie})

    assert (refused.status_code, refused.json()["code"]) == (409, "upload_mismatch")
    assert attempt.report("completed", 100, **told).json()["code"] == "upload_missing"
    assert attempt.report("completed", 100, **attempt.upload()).json()["status"] == "completed"


def test_a_late_lie_removes_nothing(attempt: Attempt, desk: Desk) -> None:
    told = attempt.upload()
    attempt.report("completed", 100, **told).raise_for_status()

    assert attempt.report("completed", 100, **{**told, "output_size_bytes": 1}).status_code == 200
    assert desk.http.get(f"{attempt.path}/download").status_code == 200
