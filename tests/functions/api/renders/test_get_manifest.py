import httpx

from schemas.renders import RenderManifest
from tests.builders import Desk, clip, external, timeline, track


def test_the_answer_is_the_guides(desk: Desk) -> None:
    project_id = desk.ready_project()
    job_id = desk.render(project_id)["job_id"]

    ticket = desk.http.get(f"/projects/{project_id}/renders/{job_id}/manifest").json()

    assert ticket == {
        "ok": True,
        "manifest_url": ticket["manifest_url"],
        "manifest_path": f"{project_id}/manifests/{job_id}.json",
        "expires_in": 3600,
    }
    answer = httpx.get(ticket["manifest_url"], trust_env=False)
    assert RenderManifest.model_validate_json(answer.content).job_id == job_id


def test_a_lease_token_is_enough_as_long_as_it_is_the_current_one(desk: Desk) -> None:
    project_id = desk.ready_project()
    attempt = desk.claim(project_id, desk.render(project_id)["job_id"])

    with desk.control_plane.client(headers={"X-Lease-Token": attempt.token}) as http:
        assert http.get(f"{attempt.path}/manifest").status_code == 200
        attempt.report("failed", released=True).raise_for_status()
        assert http.get(f"{attempt.path}/manifest").status_code == 404

    stale = desk.http.get(f"{attempt.path}/manifest", headers={"X-Lease-Token": attempt.token})
    assert (stale.status_code, stale.json()["code"]) == (409, "lease_lost")


def test_a_manifest_that_was_never_written_is_made_of_what_the_job_pins(desk: Desk) -> None:
    project_id = desk.project()
    asset = desk.asset(project_id)
    desk.save_timeline(project_id, timeline(track(clip(external(asset["asset_id"])))))
    job = desk.render(project_id, start_frame=1, end_frame=9)
    desk.save_timeline(project_id)
    path = f"/projects/{project_id}/renders/{job['job_id']}/manifest"
    written = httpx.get(desk.http.get(path).json()["manifest_url"], trust_env=False).content
    desk.control_plane.services.objects.delete(job["manifest_path"])

    answer = httpx.get(desk.http.get(path).json()["manifest_url"], trust_env=False)

    assert (answer.status_code, answer.content) == (200, written)


def test_a_manifest_whose_media_are_gone_cannot_be_made(desk: Desk) -> None:
    project_id = desk.project()
    asset = desk.asset(project_id)
    desk.save_timeline(project_id, timeline(track(clip(external(asset["asset_id"])))))
    job = desk.render(project_id)
    desk.control_plane.services.objects.delete(job["manifest_path"])
    desk.http.delete(f"/projects/{project_id}/assets/{asset['asset_id']}").raise_for_status()

    answer = desk.http.get(f"/projects/{project_id}/renders/{job['job_id']}/manifest")

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_timeline")
