import httpx

from tests.builders import CLIP_BYTES, Desk


def test_a_signed_url_as_the_guide_shows_it(desk: Desk) -> None:
    project_id = desk.project()
    asset = desk.asset(project_id, name="my clip.mp4")

    ticket = desk.http.get(f"/projects/{project_id}/assets/{asset['asset_id']}/download").json()

    assert ticket == {"ok": True, "url": ticket["url"], "expires_in": 3600}
    answer = httpx.get(ticket["url"], trust_env=False)
    assert answer.content == CLIP_BYTES
    assert "my%20clip.mp4" in answer.headers["content-disposition"]


def test_a_pending_asset_has_no_bytes_yet(desk: Desk) -> None:
    project_id = desk.project()
    ticket = desk.pending_asset(project_id)

    answer = desk.http.get(f"/projects/{project_id}/assets/{ticket['asset_id']}/download")

    assert (answer.status_code, answer.json()["code"]) == (409, "illegal_state")
