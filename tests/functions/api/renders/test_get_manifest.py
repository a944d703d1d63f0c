import httpx

from schemas.renders import RenderManifest
from tests.builders import Desk


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
