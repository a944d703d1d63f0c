import httpx

from tests.builders import CLIP_BYTES, Desk


def test_a_signed_url_of_the_bytes(desk: Desk) -> None:
    project_id = desk.project()
    output = desk.share(project_id)

    ticket = desk.http.get(f"/projects/{project_id}/outputs/{output['video_id']}/download").json()

    assert (ticket["ok"], ticket["expires_in"]) == (True, 3600)
    answer = httpx.get(ticket["url"], trust_env=False)
    assert answer.content == CLIP_BYTES
    assert output["video_url"].rpartition("/")[2] in answer.headers["content-disposition"]
