from pathlib import Path

import pytest

from tests.builders import CLIP_BYTES, Desk, crc32c_of, put
from tests.support.control_plane import LocalControlPlane


def test_the_answer_is_the_guides_and_the_name_the_servers(desk: Desk) -> None:
    project_id = desk.ready_project()
    job_id = desk.render(project_id, output_filename="Größe & co.mp4")["job_id"]
    attempt = desk.claim(project_id, job_id)

    ticket = attempt.post("upload-url", {"filename": "evil.exe"}).json()

    assert set(ticket) == {"ok", "upload_url", "gcs_path", "expires_in", "headers", "resumable"}
    assert ticket["gcs_path"] == f"gs://deskrun/{project_id}/renders/Gr--e---co_{job_id}_1.mp4"
    assert ticket["expires_in"] == 3600
    assert desk.job(project_id, job_id)["output_path"] == ticket["gcs_path"].removeprefix("gs://deskrun/")
    assert put(ticket, CLIP_BYTES).status_code == 200


def test_each_attempt_has_its_own_object(desk: Desk) -> None:
    project_id = desk.ready_project()
    job_id = desk.render(project_id)["job_id"]
    first = desk.claim(project_id, job_id)
    one = first.post("upload-url", {}).json()["gcs_path"]
    first.report("failed", released=True).raise_for_status()

    two = desk.claim(project_id, job_id).post("upload-url", {}).json()["gcs_path"]

    assert one != two
    assert first.post("upload-url", {}).json()["code"] == "lease_lost"


def test_by_hand_it_claims_the_job_for_an_hour(desk: Desk, stranger: Desk) -> None:
    project_id = desk.ready_project(members=[stranger.user_id])
    path = f"/projects/{project_id}/renders/{desk.render(project_id)['job_id']}"

    assert [desk.http.post(f"{path}/upload-url").status_code for _ in range(2)] == [200, 200]

    job = desk.http.get(path).json()["job"]
    assert (job["status"], job["attempt"], job["lease"]["worker_id"]) == ("processing", 1, None)
    assert stranger.http.post(f"{path}/upload-url").json()["code"] == "lease_held"
    claim = stranger.http.post(f"{path}/claim", json={"worker_id": stranger.worker()})
    assert claim.json()["code"] == "lease_held"


def test_while_a_worker_holds_the_job_people_do_not(desk: Desk) -> None:
    project_id = desk.ready_project()
    attempt = desk.claim(project_id, desk.render(project_id)["job_id"])

    answer = desk.http.post(f"{attempt.path}/upload-url")

    assert (answer.status_code, answer.json()["code"]) == (409, "lease_held")


@pytest.mark.parametrize(
    ("body", "status"),
    [({"resumable": True}, 422), ({"size_bytes": 10**15}, 413), ({"filename": "a/b"}, 422)],
)
def test_a_refused_request_claims_nothing(body: dict[str, object], status: int, desk: Desk) -> None:
    project_id = desk.ready_project()
    job = desk.render(project_id)

    answer = desk.http.post(f"/projects/{project_id}/renders/{job['job_id']}/upload-url", json=body)

    assert answer.status_code == status
    assert desk.job(project_id, job["job_id"]) == job


def test_a_job_that_is_over_takes_no_upload(desk: Desk) -> None:
    project_id = desk.ready_project()
    attempt = desk.claim(project_id, desk.render(project_id)["job_id"])
    attempt.report("failed").raise_for_status()

    answer = attempt.post("upload-url", {})

    assert (answer.status_code, answer.json()["code"]) == (409, "illegal_state")


def test_a_resumable_upload_of_the_presets_type(desk: Desk) -> None:
    project_id = desk.ready_project()
    attempt = desk.claim(project_id, desk.render(project_id, preset="VP9 Streaming Export")["job_id"])

    ticket = attempt.post("upload-url", {"size_bytes": len(CLIP_BYTES), "resumable": True}).json()

    assert ticket["resumable"] is True
    assert put(ticket, CLIP_BYTES).json()["contentType"] == "video/webm"


@pytest.mark.parametrize("resumable", [False, True], ids=["one PUT", "session"])
@pytest.mark.parametrize("plane", ["control_plane", "google_control_plane"])
def test_who_asks_again_starts_again(plane: str, resumable: bool, request: pytest.FixtureRequest) -> None:  # noqa: FBT001
    desk = Desk(request.getfixturevalue(plane))
    project_id = desk.ready_project()
    attempt = desk.claim(project_id, desk.render(project_id)["job_id"])
    body = {"size_bytes": len(CLIP_BYTES), "resumable": resumable}
    wrong = attempt.post("upload-url", body).json()
    put(wrong, CLIP_BYTES[::-1]).raise_for_status()

    answer = attempt.post("upload-url", {**body, "crc32c": crc32c_of(CLIP_BYTES)})

    assert answer.status_code == 200, answer.text
    put(answer.json(), CLIP_BYTES).raise_for_status()
    completed = attempt.report("completed", 100, output_crc32c=crc32c_of(CLIP_BYTES))
    assert completed.json()["status"] == "completed"


def test_a_put_of_unknown_size_has_the_limit(tmp_path: Path) -> None:
    with LocalControlPlane(tmp_path, max_output_bytes=len(CLIP_BYTES)) as limited:
        desk = Desk(limited)
        project_id = desk.ready_project()
        attempt = desk.claim(project_id, desk.render(project_id)["job_id"])
        tickets = [
            attempt.post("upload-url", {}).json(),
            desk.http.post(f"/projects/{project_id}/outputs/upload-url", json={"filename": "a.mp4"}).json(),
        ]

        assert [put(ticket, CLIP_BYTES + b"!").status_code for ticket in tickets] == [413, 413]
        assert [put(ticket, CLIP_BYTES).status_code for ticket in tickets] == [200, 200]
