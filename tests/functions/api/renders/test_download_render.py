import httpx
import pytest

from tests.builders import CLIP_BYTES, Desk, crc32c_of, put, same_crc32c


def test_a_signed_url_of_the_finished_output(desk: Desk) -> None:
    project_id = desk.ready_project()
    attempt = desk.claim(project_id, desk.render(project_id, output_filename="my cut.mp4")["job_id"])
    early = desk.http.get(f"{attempt.path}/download")
    attempt.report("completed", 100, **attempt.upload()).raise_for_status()

    ticket = desk.http.get(f"{attempt.path}/download").json()

    assert (early.status_code, early.json()["code"]) == (409, "illegal_state")
    assert (ticket["ok"], ticket["expires_in"]) == (True, 3600)
    answer = httpx.get(ticket["url"], trust_env=False)
    assert answer.content == CLIP_BYTES
    assert "my%20cut.mp4" in answer.headers["content-disposition"]


FORGED = same_crc32c(CLIP_BYTES)


@pytest.mark.parametrize("others", [b"something else", FORGED], ids=["others", "same size and crc32c"])
def test_bytes_that_were_replaced_afterwards_are_not_given_out(others: bytes, desk: Desk) -> None:
    assert (FORGED != CLIP_BYTES, crc32c_of(FORGED)) == (True, crc32c_of(CLIP_BYTES))
    project_id = desk.ready_project()
    path = f"/projects/{project_id}/renders/{desk.render(project_id)['job_id']}"
    ticket = desk.http.post(f"{path}/upload-url").json()  # by hand: the URL knows no size and takes any PUT
    put(ticket, CLIP_BYTES).raise_for_status()
    body = {"job_id": path.rpartition("/")[2], "status": "completed", "progress": 100}
    desk.http.post(f"{path}/webhook", json=body).raise_for_status()
    put(ticket, others).raise_for_status()

    answer = desk.http.get(f"{path}/download")

    assert (answer.status_code, answer.json()["code"]) == (409, "upload_mismatch")
