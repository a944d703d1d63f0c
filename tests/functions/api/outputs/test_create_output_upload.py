import re

import pytest

from tests.builders import CLIP_BYTES, Desk, put


def test_a_ticket_as_the_guide_shows_it(desk: Desk) -> None:
    project_id = desk.project()
    body = {"filename": "final.mp4", "content_type": "video/mp4"}

    ticket = desk.http.post(f"/projects/{project_id}/outputs/upload-url", json=body).json()

    assert set(ticket) == {"ok", "upload_url", "gcs_path", "expires_in", "headers", "resumable"}
    assert (ticket["ok"], ticket["expires_in"]) == (True, 3600)
    path = rf"gs://deskrun/{project_id}/outputs/desktop_\d{{8}}_\d{{6}}_[0-9a-f]{{32}}\.mp4"
    assert re.fullmatch(path, ticket["gcs_path"])
    assert put(ticket, CLIP_BYTES).status_code == 200


@pytest.mark.parametrize(
    ("filename", "end"), [("a.MOV", ".mov"), ("a.webm", ".webm"), ("a.exe", ".mp4"), ("a", ".mp4")]
)
def test_of_the_name_only_a_videos_extension_is_used(filename: str, end: str, desk: Desk) -> None:
    body = {"filename": filename}

    ticket = desk.http.post(f"/projects/{desk.project()}/outputs/upload-url", json=body).json()

    assert ticket["gcs_path"].endswith(end)


def test_an_output_over_the_limit_is_413(desk: Desk) -> None:
    body = {"filename": "a.mp4", "size_bytes": desk.control_plane.settings.max_output_bytes + 1}

    answer = desk.http.post(f"/projects/{desk.project()}/outputs/upload-url", json=body)

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
