import httpx

from tests.builders import CLIP_BYTES, Desk, put, same_crc32c


def test_a_signed_url_of_the_bytes(desk: Desk) -> None:
    project_id = desk.project()
    output = desk.share(project_id)

    ticket = desk.http.get(f"/projects/{project_id}/outputs/{output['video_id']}/download").json()

    assert (ticket["ok"], ticket["expires_in"]) == (True, 3600)
    answer = httpx.get(ticket["url"], trust_env=False)
    assert answer.content == CLIP_BYTES
    assert output["video_url"].rpartition("/")[2] in answer.headers["content-disposition"]


def test_bytes_that_were_replaced_afterwards_are_not_given_out(desk: Desk) -> None:
    project_id = desk.project()
    ticket = desk.http.post(f"/projects/{project_id}/outputs/upload-url", json={"filename": "a.mp4"}).json()
    put(ticket, CLIP_BYTES).raise_for_status()
    output = desk.http.post(f"/projects/{project_id}/outputs", json={"gcs_path": ticket["gcs_path"]}).json()
    put(ticket, same_crc32c(CLIP_BYTES)).raise_for_status()

    answer = desk.http.get(f"/projects/{project_id}/outputs/{output['video_id']}/download")

    assert (answer.status_code, answer.json()["code"]) == (409, "upload_mismatch")
