"""What a caller claims in a body, against what only the server decides (defects A6.2, A6.3, A6.9 of the original)."""

import pytest

from tests.builders import CLIP_BYTES, Desk, crc32c_of, put

FORGED = {
    "created_by": "agent:root",
    "status": "completed",
    "callback_url": "http://169.254.169.254/",
    "execution_mode": "cloud",
    "start_frame": 7,
    "job_id": "mine",
    "people": ["everybody"],
    "project_id": "other",
}


def test_forged_metadata_changes_no_field_of_the_server(desk: Desk) -> None:
    project_id = desk.ready_project()

    job = desk.render(project_id, metadata=FORGED)

    assert job["metadata"] == FORGED
    assert job["created_by"] == f"user:{desk.user_id}"
    assert (job["status"], job["execution_mode"], job["start_frame"]) == ("queued", "local", None)
    stored = desk.control_plane.render(job["job_id"])
    assert (stored.project_id, stored.people) == (project_id, [desk.user_id])
    with desk.control_plane.services.objects.open(job["manifest_path"]) as stream:
        manifest = stream.read().decode()
    assert "169.254" not in manifest


@pytest.mark.parametrize("field", ["created_by", "status", "callback_url", "attempt", "people", "job_id"])
def test_fields_of_the_server_are_refused_in_the_body(field: str, desk: Desk) -> None:
    project_id = desk.ready_project()

    answer = desk.http.post(f"/projects/{project_id}/render", json={field: "x"})

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{field}"]
    assert desk.http.get(f"/projects/{project_id}/renders").json()["total"] == 0


REVERSING = [
    (["processing", "uploading"], "processing"),
    (["failed"], "processing"),
    (["failed"], "completed"),
    (["failed"], "cancelled"),
    (["cancelled"], "processing"),
    (["cancelled"], "failed"),
]


@pytest.mark.parametrize(("steps", "illegal"), REVERSING)
def test_a_report_that_reverses_or_revives_names_both_states(steps: list[str], illegal: str, desk: Desk) -> None:
    project_id = desk.ready_project()
    job_id = desk.render(project_id)["job_id"]
    attempt = desk.claim(project_id, job_id)
    for step in steps:
        assert attempt.report(step).status_code == 200

    answer = attempt.report(illegal, 50)

    assert (answer.status_code, answer.json()["code"]) == (409, "illegal_state")
    assert steps[-1] in answer.json()["detail"]
    assert illegal in answer.json()["detail"]
    assert desk.job(project_id, job_id)["status"] == steps[-1]


@pytest.mark.parametrize("status", ["pending", "queued", "unheard-of"])
def test_states_that_only_the_server_gives_are_not_reported(status: str, desk: Desk) -> None:
    project_id = desk.ready_project()
    attempt = desk.claim(project_id, desk.render(project_id)["job_id"])

    answer = attempt.report(status)

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/status"]


def test_completed_without_an_upload_is_refused(desk: Desk) -> None:
    project_id = desk.ready_project()
    attempt = desk.claim(project_id, desk.render(project_id)["job_id"])

    never_asked = attempt.report("completed", 100)
    ticket = attempt.post("upload-url", {}).json()
    never_put = attempt.report("completed", 100, output_url=ticket["gcs_path"])

    assert [a.json()["code"] for a in (never_asked, never_put)] == ["upload_missing", "upload_missing"]
    assert desk.job(project_id, attempt.job_id)["status"] == "processing"


def test_an_output_path_the_server_never_issued_to_a_render_is_refused(desk: Desk) -> None:
    project_id, other_id = desk.ready_project(), desk.ready_project()
    other = desk.claim(other_id, desk.render(other_id)["job_id"])
    theirs = other.upload()["output_url"]
    attempt = desk.claim(project_id, desk.render(project_id)["job_id"])
    mine = attempt.upload()
    bucket_path = mine["output_url"].removeprefix("gs://deskrun/")

    forged = [
        theirs,
        f"gs://elsewhere/{bucket_path}",
        f"gs://deskrun/{project_id}/renders/../{bucket_path}",
        f"gs://deskrun/{project_id}/assets/a.mp4",
        f"{mine['output_url']}/",
    ]
    answers = [attempt.report("completed", 100, **{**mine, "output_url": path}) for path in forged]
    not_gcs = attempt.report("completed", 100, **{**mine, "output_url": "https://evil.test/x"})

    assert [a.status_code for a in answers] == [422] * len(forged)
    assert {a.json()["errors"][0]["pointer"] for a in [*answers, not_gcs]} == {"/output_url"}
    assert attempt.report("completed", 100, **mine).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "gs://elsewhere/{own}",
        "gs://deskrun/{foreign}",
        "gs://deskrun/{project}/outputs/../outputs/{name}",
        "gs://deskrun/{project}/outputs/desktop_20260101_000000_00000000000000000000000000000000.mp4",
        "gs://deskrun/{project}/renders/{name}",
        "gs://deskrun/..",
        "gs://deskrun/x/..mp4",
        "gs://deskrun/{project}/outputs/__all__.mp4",
        "gs://deskrun/{own}/",
        "gs://deskrun/" + "\N{GRINNING FACE}" * 1000,
    ],
)
def test_an_output_the_server_never_issued_cannot_be_registered(path: str, desk: Desk, stranger: Desk) -> None:
    project_id = desk.project()
    tickets = [
        d.http.post(f"/projects/{p}/outputs/upload-url", json={"filename": "final.mp4"}).json()
        for d, p in ((desk, project_id), (stranger, stranger.project()))
    ]
    for ticket in tickets:
        put(ticket, CLIP_BYTES).raise_for_status()
    own, foreign = (ticket["gcs_path"].removeprefix("gs://deskrun/") for ticket in tickets)
    forged = path.format(own=own, foreign=foreign, project=project_id, name=own.rpartition("/")[2])

    answer = desk.http.post(f"/projects/{project_id}/outputs", json={"gcs_path": forged})

    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/gcs_path"]
    assert desk.http.get(f"/projects/{project_id}/outputs").json()["total"] == 0


def test_a_truncated_output_never_completes_a_render(desk: Desk) -> None:
    project_id = desk.ready_project()
    attempt = desk.claim(project_id, desk.render(project_id)["job_id"])
    ticket = attempt.post("upload-url", {}).json()
    put(ticket, CLIP_BYTES[:-1]).raise_for_status()
    whole = {
        "output_url": ticket["gcs_path"],
        "output_size_bytes": len(CLIP_BYTES),
        "output_crc32c": crc32c_of(CLIP_BYTES),
    }

    by_size = attempt.report("completed", 100, **whole)
    put(ticket, CLIP_BYTES[:-1]).raise_for_status()  # the first ones were removed
    by_checksum = attempt.report("completed", 100, **{**whole, "output_size_bytes": len(CLIP_BYTES) - 1})

    assert [a.json()["code"] for a in (by_size, by_checksum)] == ["upload_mismatch", "upload_mismatch"]
    assert desk.job(project_id, attempt.job_id)["status"] == "processing"
