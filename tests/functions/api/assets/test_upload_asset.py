import hashlib

import pytest

from tests.builders import CLIP_BYTES, Desk, crc32c_of


def test_a_file_is_ready_at_once(desk: Desk) -> None:
    project_id = desk.project()

    asset = desk.asset(project_id, name="Mein Clip.MP4")

    assert asset == {
        "asset_id": asset["asset_id"],
        "asset_name": "Mein Clip.MP4",
        "asset_type": "video/mp4",
        "asset_url": f"gs://deskrun/{project_id}/assets/{asset['asset_id']}.mp4",
        "status": "ready",
        "size_bytes": len(CLIP_BYTES),
        "crc32c": crc32c_of(CLIP_BYTES),
        "sha256": hashlib.sha256(CLIP_BYTES).hexdigest(),
        "media": asset["media"],
        "uploaded_at": asset["uploaded_at"],
        "created_at": asset["created_at"],
    }


def test_the_type_is_guessed_from_the_name_if_the_client_knows_none(desk: Desk) -> None:
    project_id = desk.project()
    files = {"file": ("a.png", b"x", "application/octet-stream")}

    asset = desk.http.post(f"/projects/{project_id}/assets", files=files).json()["asset"]

    assert asset["asset_type"] == "image/png"


@pytest.mark.parametrize(
    ("name", "object_end"),
    [("a.tar.gz", ".gz"), ("noend", ""), ("a.ex%e", ""), ("a." + "x" * 11, ""), ("..hidden", ".hidden")],
)
def test_of_the_name_only_a_plain_extension_reaches_the_object(name: str, object_end: str, desk: Desk) -> None:
    project_id = desk.project()

    asset = desk.asset(project_id, name=name)

    assert asset["asset_url"] == f"gs://deskrun/{project_id}/assets/{asset['asset_id']}{object_end}"
    assert asset["asset_name"] == name


@pytest.mark.parametrize(
    ("name", "data", "content_type"),
    [
        ("a/b.mp4", b"x", "video/mp4"),
        ("..\\b.mp4", b"x", "video/mp4"),
        ("..", b"x", "video/mp4"),
        ("x" * 201, b"x", "video/mp4"),
        ("a.mp4", b"", "video/mp4"),
        ("a.mp4", b"x", "nonsense"),
    ],
)
def test_a_file_that_cannot_be_taken_is_422(name: str, data: bytes, content_type: str, desk: Desk) -> None:
    project_id = desk.project()

    answer = desk.http.post(f"/projects/{project_id}/assets", files={"file": (name, data, content_type)})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/file"]
    assert desk.http.get(f"/projects/{project_id}/assets").json()["total"] == 0


def test_another_field_is_422_another_type_415(desk: Desk) -> None:
    path = f"/projects/{desk.project()}/assets"

    other_field = desk.http.post(path, files={"data": ("a.mp4", b"x", "video/mp4")})
    two_files = desk.http.post(path, files=[("file", ("a.mp4", b"x")), ("file", ("b.mp4", b"y"))])
    a_text = desk.http.post(path, data={"file": "text"}, files={"other": ("", b"")})
    no_boundary = desk.http.post(path, content=b"x", headers={"Content-Type": "multipart/form-data"})
    bad_charset = {"Content-Type": "multipart/form-data; boundary=x; charset=undefined"}
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n--x--\r\n'
    odd = desk.http.post(path, content=form, headers=bad_charset)
    as_json = desk.http.post(path, json={})

    assert [a.status_code for a in (other_field, two_files, a_text, no_boundary, odd)] == [422] * 5
    assert (as_json.status_code, as_json.json()["code"]) == (415, "unsupported_media_type")
