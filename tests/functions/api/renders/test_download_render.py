import httpx

from tests.builders import CLIP_BYTES, Desk


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
