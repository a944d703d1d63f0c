import pytest

from tests.builders import Desk


def test_record_manifest_and_outputs_are_gone(desk: Desk) -> None:
    project_id = desk.ready_project()
    attempt = desk.claim(project_id, desk.render(project_id)["job_id"])
    attempt.report("completed", 100, **attempt.upload()).raise_for_status()
    objects = desk.control_plane.services.objects
    job = desk.job(project_id, attempt.job_id)
    assert objects.stat(job["manifest_path"])
    assert objects.stat(job["output_path"])

    assert desk.http.delete(attempt.path).json() == {"ok": True}

    assert objects.stat(job["manifest_path"]) is None
    assert objects.stat(job["output_path"]) is None
    assert desk.http.get(attempt.path).status_code == 404
    assert attempt.report("completed", 100).status_code == 404


def test_other_jobs_of_the_same_name_keep_theirs(desk: Desk) -> None:
    project_id = desk.ready_project()
    attempts = [desk.claim(project_id, desk.render(project_id, output_filename="a.mp4")["job_id"]) for _ in range(2)]
    paths = [attempt.upload()["output_url"].removeprefix("gs://deskrun/") for attempt in attempts]
    for attempt in attempts:
        attempt.report("failed").raise_for_status()

    desk.http.delete(attempts[0].path).raise_for_status()

    stat = desk.control_plane.services.objects.stat
    assert (stat(paths[0]), stat(paths[1]) is not None) == (None, True)


@pytest.mark.parametrize("status", ["processing", "uploading"])
def test_while_somebody_works_on_it_it_stays(status: str, desk: Desk) -> None:
    project_id = desk.ready_project()
    attempt = desk.claim(project_id, desk.render(project_id)["job_id"])
    attempt.report(status).raise_for_status()

    answer = desk.http.delete(attempt.path)

    assert (answer.status_code, answer.json()["code"]) == (409, "illegal_state")
