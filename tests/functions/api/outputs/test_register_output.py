from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.builders import CLIP_BYTES, Desk, crc32c_of, put


def uploaded(desk: Desk, project_id: str) -> str:
    ticket = desk.http.post(f"/projects/{project_id}/outputs/upload-url", json={"filename": "final.mp4"}).json()
    put(ticket, CLIP_BYTES).raise_for_status()
    return str(ticket["gcs_path"])


def test_the_answer_is_the_guides(desk: Desk) -> None:
    project_id = desk.project()
    gcs_path = uploaded(desk, project_id)
    changes = {"note": "Local render share"}

    output = desk.http.post(f"/projects/{project_id}/outputs", json={"gcs_path": gcs_path, "changes": changes}).json()

    assert output == {
        "ok": True,
        "video_id": output["video_id"],
        "video_url": gcs_path,
        "version": 1,
        "size_bytes": len(CLIP_BYTES),
        "crc32c": crc32c_of(CLIP_BYTES),
        "changes": changes,
        "created_by": desk.user_id,
        "created_at": output["created_at"],
    }
    assert output["created_at"].endswith("Z")


def test_versions_have_no_gaps_and_no_doubles(desk: Desk) -> None:
    project_id = desk.project()
    paths = [uploaded(desk, project_id) for _ in range(6)]

    def register(path: str) -> Any:
        return desk.http.post(f"/projects/{project_id}/outputs", json={"gcs_path": path}).json()["version"]

    with ThreadPoolExecutor(6) as pool:
        versions = list(pool.map(register, paths))

    assert sorted(versions) == [1, 2, 3, 4, 5, 6]


def test_registering_twice_is_the_same_version(desk: Desk) -> None:
    project_id = desk.project()
    body = {"gcs_path": uploaded(desk, project_id)}

    first, second = (desk.http.post(f"/projects/{project_id}/outputs", json=body).json() for _ in range(2))

    assert first == second


def test_without_its_bytes_it_does_not_count(desk: Desk) -> None:
    project_id = desk.project()
    ticket = desk.http.post(f"/projects/{project_id}/outputs/upload-url", json={"filename": "a.mp4"}).json()

    answer = desk.http.post(f"/projects/{project_id}/outputs", json={"gcs_path": ticket["gcs_path"]})

    assert (answer.status_code, answer.json()["code"]) == (409, "upload_missing")


def test_a_path_that_was_issued_too_long_ago_does_not_count(desk: Desk) -> None:
    project_id = desk.project()
    body = {"gcs_path": uploaded(desk, project_id)}
    desk.control_plane.pass_seconds(7 * 86400)

    answer = desk.http.post(f"/projects/{project_id}/outputs", json=body)

    assert (answer.status_code, answer.json()["code"]) == (409, "upload_missing")
