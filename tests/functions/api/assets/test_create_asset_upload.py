from typing import Any

import httpx
import pytest

from tests.builders import CLIP_BYTES, Desk, crc32c_of, put


def test_a_ticket_bound_to_what_was_announced(desk: Desk) -> None:
    project_id = desk.project()

    ticket = desk.pending_asset(project_id, crc32c=crc32c_of(CLIP_BYTES))

    assert ticket["gcs_path"] == f"gs://deskrun/{project_id}/assets/{ticket['asset_id']}.mp4"
    assert (ticket["ok"], ticket["expires_in"], ticket["resumable"]) == (True, 3600, False)
    asset = desk.http.get(f"/projects/{project_id}/assets/{ticket['asset_id']}").json()["asset"]
    assert (asset["status"], asset["size_bytes"], asset["uploaded_at"]) == ("pending", None, None)
    assert put(ticket, CLIP_BYTES).status_code == 200


def test_other_bytes_than_announced_are_refused_by_the_store(desk: Desk) -> None:
    project_id = desk.project()
    ticket = desk.pending_asset(project_id, crc32c=crc32c_of(CLIP_BYTES))

    changed = put(ticket, CLIP_BYTES[::-1])
    truncated = put(ticket, CLIP_BYTES[:-1])
    without_headers = httpx.put(ticket["upload_url"], content=CLIP_BYTES, trust_env=False)

    assert [a.status_code for a in (changed, truncated, without_headers)] == [400, 400, 403]
    answer = desk.http.post(f"/projects/{project_id}/assets/{ticket['asset_id']}/complete", json={})
    assert answer.json()["code"] == "upload_missing"


def test_nothing_is_overwritten(desk: Desk) -> None:
    ticket = desk.pending_asset(desk.project())
    assert put(ticket, CLIP_BYTES).status_code == 200

    assert put(ticket, CLIP_BYTES[::-1]).status_code == 412


def test_a_resumable_session(desk: Desk) -> None:
    project_id = desk.project()

    ticket = desk.pending_asset(project_id, resumable=True)
    answer = put(ticket, CLIP_BYTES)

    assert (ticket["resumable"], ticket["expires_in"]) == (True, 7 * 24 * 3600)
    assert answer.status_code == 200
    done = desk.http.post(f"/projects/{project_id}/assets/{ticket['asset_id']}/complete", json={})
    assert done.json()["asset"]["status"] == "ready"


@pytest.mark.parametrize(
    ("fields", "status", "pointer"),
    [
        ({"filename": "../a.mp4"}, 422, "/filename"),
        ({"filename": "a\n.mp4"}, 422, "/filename"),
        ({"content_type": "video"}, 422, "/content_type"),
        ({"size_bytes": 0}, 422, "/size_bytes"),
        ({"size_bytes": None, "resumable": True}, 422, "/size_bytes"),
        ({"crc32c": "AAAA"}, 422, "/crc32c"),
        ({"size_bytes": 50 * 1024**3 + 1}, 413, None),
    ],
)
def test_a_wrong_announcement_creates_nothing(
    fields: dict[str, Any], status: int, pointer: str | None, desk: Desk
) -> None:
    project_id = desk.project()
    body = {"filename": "a.mp4", "content_type": "video/mp4", "size_bytes": 1, **fields}

    answer = desk.http.post(f"/projects/{project_id}/assets/upload-url", json=body)

    assert answer.status_code == status
    if pointer:
        assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    assert desk.http.get(f"/projects/{project_id}/assets").json()["total"] == 0


@pytest.mark.parametrize("resumable", [False, True], ids=["one PUT", "session"])
@pytest.mark.parametrize("plane", ["control_plane", "google_control_plane"])
def test_the_same_request_again_starts_again_until_it_is_completed(
    plane: str,
    resumable: bool,  # noqa: FBT001
    request: pytest.FixtureRequest,
) -> None:
    desk = Desk(request.getfixturevalue(plane))
    project_id = desk.project()
    body = {"filename": "a.mp4", "content_type": "video/mp4", "size_bytes": len(CLIP_BYTES), "resumable": resumable}

    def ticket() -> dict[str, Any]:
        path, headers = f"/projects/{project_id}/assets/upload-url", {"Idempotency-Key": "again"}
        answer = desk.http.post(path, json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    put(ticket(), CLIP_BYTES[::-1]).raise_for_status()
    second = ticket()
    put(second, CLIP_BYTES).raise_for_status()
    path = f"/projects/{project_id}/assets/{second['asset_id']}"
    done = desk.http.post(f"{path}/complete", json={"crc32c": crc32c_of(CLIP_BYTES)})
    late = ticket()

    assert done.json()["asset"]["status"] == "ready"
    assert put(late, CLIP_BYTES[::-1]).status_code == 412
    url = desk.http.get(f"{path}/download").json()["url"]
    assert httpx.get(url, trust_env=False).content == CLIP_BYTES
