import io
import wave
from collections.abc import Callable
from typing import Any

import av
import pytest

from functions.domain.outputs import ISSUED_OUTPUTS
from functions.ports import Where
from schemas.events import StorageObject
from tests.builders import CLIP_BYTES, Desk, put
from tests.support.control_plane import eventually


def film() -> bytes:
    """A second of real h264 in an mp4."""
    file = io.BytesIO()
    with av.open(file, mode="w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 36, "yuv420p"
        for _ in range(10):
            container.mux(stream.encode(av.VideoFrame(64, 36, "yuv420p")))
        container.mux(stream.encode())
    return file.getvalue()


def sound() -> bytes:
    """Half a second of silence in a wav."""
    file = io.BytesIO()
    with wave.open(file, "wb") as recording:
        recording.setnchannels(2)
        recording.setsampwidth(2)
        recording.setframerate(48000)
        recording.writeframes(bytes(4 * 24000))
    return file.getvalue()


def finalize(desk: Desk, gcs_path: str, content_type: str) -> None:
    name = gcs_path.removeprefix("gs://deskrun/")
    info = desk.control_plane.services.objects.stat(name)
    size, crc32c = (info.size_bytes, info.crc32c) if info else (1, "AAAAAA==")
    event = StorageObject(bucket="deskrun", name=name, size=size, crc32c=crc32c, contentType=content_type)
    desk.control_plane.run("on_object_finalized", event.model_dump_json(by_alias=True))


def asset(desk: Desk, project_id: str, asset_id: str) -> dict[str, Any]:
    return dict(desk.http.get(f"/projects/{project_id}/assets/{asset_id}").json()["asset"])


def uploaded(desk: Desk, data: bytes, content_type: str, name: str = "a.mp4") -> tuple[str, dict[str, Any]]:
    project_id = desk.project()
    ticket = desk.pending_asset(project_id, data, content_type=content_type, filename=name)
    put(ticket, data).raise_for_status()
    return project_id, ticket


def test_a_films_facts_are_recorded(quiet_desk: Desk) -> None:
    data = film()
    project_id, ticket = uploaded(quiet_desk, data, "video/mp4")

    finalize(quiet_desk, ticket["gcs_path"], "video/mp4")

    seen = asset(quiet_desk, project_id, ticket["asset_id"])
    assert (seen["status"], seen["size_bytes"]) == ("pending", len(data))
    (stream,) = seen["media"]["streams"]
    assert (stream["kind"], stream["codec"], stream["width"], stream["height"]) == ("video", "h264", 64, 36)
    assert (stream["frame_rate"], seen["media"]["duration_seconds"]) == (10.0, 1.0)


def test_a_sounds_facts_are_recorded_and_survive_the_completion(quiet_desk: Desk) -> None:
    project_id, ticket = uploaded(quiet_desk, sound(), "audio/wav", "a.wav")

    finalize(quiet_desk, ticket["gcs_path"], "audio/wav")
    complete = f"/projects/{project_id}/assets/{ticket['asset_id']}/complete"
    seen = quiet_desk.http.post(complete, json={}).json()["asset"]

    (stream,) = seen["media"]["streams"]
    assert (stream["kind"], stream["sample_rate"], stream["channels"]) == ("audio", 48000, 2)
    assert (seen["status"], seen["media"]["duration_seconds"]) == ("ready", 0.5)


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (CLIP_BYTES, "video/mp4"),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "video/mp4"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "video/mp4"),
        (b"{}", "application/json"),
    ],
)
def test_what_is_no_film_has_no_facts_and_is_no_error(data: bytes, content_type: str, quiet_desk: Desk) -> None:
    project_id, ticket = uploaded(quiet_desk, data, content_type)

    finalize(quiet_desk, ticket["gcs_path"], content_type)

    seen = asset(quiet_desk, project_id, ticket["asset_id"])
    assert (seen["size_bytes"], seen["media"]) == (len(data), None)


def test_objects_that_are_no_assets_change_nothing(quiet_desk: Desk) -> None:
    project_id, ticket = uploaded(quiet_desk, CLIP_BYTES, "video/mp4")
    before = asset(quiet_desk, project_id, ticket["asset_id"])
    forged = f"gs://deskrun/other-project/assets/{ticket['asset_id']}.mp4"

    for path in (forged, f"gs://deskrun/{project_id}/renders/x.mp4", f"gs://deskrun/{project_id}/assets/unknown.mp4"):
        finalize(quiet_desk, path, "video/mp4")

    assert asset(quiet_desk, project_id, ticket["asset_id"]) == before


def test_an_object_that_is_gone_is_no_error(quiet_desk: Desk) -> None:
    project_id, ticket = uploaded(quiet_desk, film(), "video/mp4")
    quiet_desk.control_plane.services.objects.delete(ticket["gcs_path"].removeprefix("gs://deskrun/"))

    finalize(quiet_desk, ticket["gcs_path"], "video/mp4")

    assert asset(quiet_desk, project_id, ticket["asset_id"])["media"] is None


def test_the_facts_come_by_themselves(desk: Desk) -> None:
    """Through the local server's own events, also for the file that came as a form."""
    project_id = desk.project()
    made = desk.asset(project_id, film())

    eventually(lambda: asset(desk, project_id, made["asset_id"])["media"])
    assert asset(desk, project_id, made["asset_id"])["status"] == "ready"


def late_asset(desk: Desk, project_id: str) -> dict[str, Any]:
    ticket = desk.pending_asset(project_id)
    desk.http.delete(f"/projects/{project_id}/assets/{ticket['asset_id']}").raise_for_status()
    return ticket


def late_render(desk: Desk, project_id: str) -> dict[str, Any]:
    attempt = desk.claim(project_id, desk.render(project_id, output_filename="a_b.mp4")["job_id"])
    ticket = attempt.post("upload-url", {}).json()
    attempt.report("failed").raise_for_status()
    desk.http.delete(attempt.path).raise_for_status()
    return dict(ticket)


def late_output(desk: Desk, project_id: str) -> dict[str, Any]:
    ticket = desk.http.post(f"/projects/{project_id}/outputs/upload-url", json={"filename": "a.mp4"}).json()
    desk.http.delete(f"/projects/{project_id}").raise_for_status()
    eventually(lambda: not desk.control_plane.documents(ISSUED_OUTPUTS, Where("project_id", "==", project_id)))
    return dict(ticket)


@pytest.mark.parametrize("late", [late_asset, late_render, late_output])
def test_bytes_that_come_after_the_deletion_are_removed(
    late: Callable[[Desk, str], dict[str, Any]], desk: Desk
) -> None:
    ticket = late(desk, desk.ready_project())
    name = ticket["gcs_path"].removeprefix("gs://deskrun/")

    put(ticket, CLIP_BYTES).raise_for_status()

    eventually(lambda: desk.control_plane.services.objects.stat(name) is None)


def test_a_manifest_that_came_after_its_job_was_deleted_is_removed(quiet_desk: Desk) -> None:
    project_id = quiet_desk.ready_project()
    job = quiet_desk.render(project_id)
    quiet_desk.http.delete(f"/projects/{project_id}/renders/{job['job_id']}").raise_for_status()
    objects = quiet_desk.control_plane.services.objects
    objects.write(job["manifest_path"], io.BytesIO(b"{}"), content_type="application/json")

    finalize(quiet_desk, job["manifest_path"], "application/json")

    assert objects.stat(job["manifest_path"]) is None


def test_what_has_a_record_stays_and_so_does_what_never_has_one(quiet_desk: Desk) -> None:
    project_id = quiet_desk.ready_project()
    pending = quiet_desk.pending_asset(project_id)
    attempt = quiet_desk.claim(project_id, quiet_desk.render(project_id)["job_id"])
    output = attempt.post("upload-url", {}).json()
    shared = quiet_desk.share(project_id)
    issued = quiet_desk.http.post(f"/projects/{project_id}/outputs/upload-url", json={"filename": "a.mp4"}).json()
    for ticket in (pending, output, issued):
        put(ticket, CLIP_BYTES).raise_for_status()
    objects = quiet_desk.control_plane.services.objects
    objects.write(f"{project_id}/elsewhere/a.mp4", io.BytesIO(b"x"), content_type="video/mp4")
    paths = [ticket["gcs_path"] for ticket in (pending, output, issued)]
    paths += [shared["video_url"], f"gs://deskrun/{project_id}/manifests/{attempt.job_id}.json"]
    paths.append(f"gs://deskrun/{project_id}/elsewhere/a.mp4")

    for path in paths:
        finalize(quiet_desk, path, "video/mp4")

    assert [path for path in paths if objects.stat(path.removeprefix("gs://deskrun/")) is None] == []
