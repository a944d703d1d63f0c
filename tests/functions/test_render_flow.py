"""The life of a render over HTTP on every backend: on SQLite and a folder, and on Google's emulators."""

import httpx
import pytest

from functions.settings import Backend
from schemas.renders import RenderManifest
from tests.builders import CLIP_BYTES, Desk, clip, crc32c_of, external, put, timeline, track


@pytest.fixture(params=[backend.value for backend in Backend])
def any_desk(request: pytest.FixtureRequest) -> Desk:
    name = "control_plane" if request.param == Backend.LOCAL else "google_control_plane"
    return Desk(request.getfixturevalue(name))


def test_from_upload_to_download(any_desk: Desk) -> None:
    desk, project_id = any_desk, any_desk.project()
    asset = desk.asset(project_id)
    ticket = desk.pending_asset(project_id, b"a second clip", crc32c=crc32c_of(b"a second clip"))
    put(ticket, b"a second clip").raise_for_status()
    done = desk.http.post(f"/projects/{project_id}/assets/{ticket['asset_id']}/complete", json={})
    assert done.json()["asset"]["crc32c"] == crc32c_of(b"a second clip")
    document = timeline(track(clip(external(asset["asset_id"])), clip(external(ticket["asset_id"]))))
    desk.save_timeline(project_id, document)

    job = desk.render(project_id)
    attempt = desk.claim(project_id, job["job_id"])
    manifest_url = desk.http.get(f"{attempt.path}/manifest").json()["manifest_url"]
    manifest = RenderManifest.model_validate_json(httpx.get(manifest_url, trust_env=False).content)
    attempt.report("processing", 50).raise_for_status()
    attempt.report("uploading", 99).raise_for_status()
    attempt.report("completed", 100, **attempt.upload()).raise_for_status()

    assert manifest.timeline == document
    assert set(manifest.asset_map) == {asset["asset_id"], ticket["asset_id"]}
    finished = desk.job(project_id, job["job_id"])
    assert (finished["status"], finished["output_crc32c"]) == ("completed", crc32c_of(CLIP_BYTES))
    assert [e["to_status"] for e in finished["events"]] == ["pending", "queued", "processing", "uploading", "completed"]
    url = desk.http.get(f"{attempt.path}/download").json()["url"]
    assert httpx.get(url, trust_env=False).content == CLIP_BYTES
    listed = desk.http.get(f"/projects/{project_id}/renders", params={"status": "completed"}).json()
    assert (listed["total"], listed["jobs"]) == (1, [finished])


def test_an_expired_lease_goes_to_the_next_and_fences_the_first(any_desk: Desk) -> None:
    desk, project_id = any_desk, any_desk.ready_project()
    job_id = desk.render(project_id)["job_id"]
    workers = [desk.worker(), desk.worker()]
    first = desk.claim(project_id, job_id, workers[0])
    late = first.upload()

    desk.control_plane.pass_seconds(desk.control_plane.settings.lease_seconds + 1)
    told = desk.http.post(f"/workers/{workers[1]}/heartbeat", json={"free_slots": 1}).json()
    second = desk.claim(project_id, job_id, workers[1])

    assert [job["job_id"] for job in told["waiting"]] == [job_id]
    assert second.number == 2
    for refused in (
        first.report("processing", 90),
        first.report("completed", 100, **late),
        first.post("upload-url", {}),
    ):
        assert (refused.status_code, refused.json()["code"]) == (409, "lease_lost")
    second.report("completed", 100, **second.upload()).raise_for_status()
    finished = desk.job(project_id, job_id)
    assert (finished["status"], finished["attempt"]) == ("completed", 2)
    assert finished["output_url"] != late["output_url"]


def test_the_schedule_expires_and_gives_up_after_three(any_desk: Desk) -> None:
    desk, project_id = any_desk, any_desk.ready_project()
    job_id = desk.render(project_id)["job_id"]
    for number in (1, 2, 3):
        assert desk.claim(project_id, job_id).number == number
        desk.control_plane.pass_seconds(desk.control_plane.settings.lease_seconds + 1)
        desk.control_plane.run("expire_leases")

    job = desk.job(project_id, job_id)

    assert (job["status"], job["error_code"]) == ("failed", "worker_lost")


def test_a_cancel_reaches_the_worker(any_desk: Desk) -> None:
    desk, project_id = any_desk, any_desk.ready_project()
    attempt = desk.claim(project_id, desk.render(project_id)["job_id"])

    asked = desk.http.post(f"{attempt.path}/cancel", json={"reason": "enough"}).json()["job"]

    assert (asked["status"], asked["cancel_requested"]) == ("processing", True)
    assert attempt.report("processing", 10).json()["cancel_requested"] is True
    assert attempt.report("cancelled").json()["status"] == "cancelled"


def test_a_shared_output(any_desk: Desk) -> None:
    project_id = any_desk.project()

    first, second = any_desk.share(project_id), any_desk.share(project_id, b"another cut")

    assert (first["version"], second["version"]) == (1, 2)
    outputs = any_desk.http.get(f"/projects/{project_id}/outputs").json()["outputs"]
    assert [output["video_id"] for output in outputs] == [second["video_id"], first["video_id"]]


def test_a_deleted_project_leaves_nothing(any_desk: Desk) -> None:
    desk, project_id = any_desk, any_desk.ready_project()
    desk.asset(project_id)
    desk.share(project_id)
    job_id = desk.render(project_id)["job_id"]

    desk.http.delete(f"/projects/{project_id}").raise_for_status()
    desk.control_plane.run("on_project_deleted", f'{{"project_id": "{project_id}"}}')

    services = desk.control_plane.services
    assert services.objects.delete_prefix(f"{project_id}/") == 0
    assert services.documents.get("renders", job_id) is None
