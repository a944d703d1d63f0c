import json
import re
from typing import Any

import pytest

from functions.domain.outbox import OUTBOX
from functions.domain.renders import RENDERS
from functions.ports import Where
from schemas.presets import BUILT_IN_PRESETS, DRAFT_PREVIEW, STANDARD_EXPORT
from schemas.renders import RenderManifest
from tests.builders import Desk, clip, crc32c_of, external, rational, solid, time_range, timeline, track


def post(desk: Desk, project_id: str, **body: Any) -> Any:
    return desk.http.post(f"/projects/{project_id}/render", json=body)


def manifest_of(desk: Desk, job: dict[str, Any]) -> RenderManifest:
    with desk.control_plane.services.objects.open(job["manifest_path"]) as stream:
        return RenderManifest.model_validate_json(stream.read())


def assert_nothing_written(desk: Desk, project_id: str) -> None:
    """Defect A6.1 of the original: no job, no manifest, no message of what was refused."""
    store = desk.control_plane.services
    assert store.documents.query(RENDERS, Where("project_id", "==", project_id)) == []
    assert [m for m in desk.control_plane.documents(OUTBOX) if project_id in m["data"]] == []
    assert store.objects.delete_prefix(f"{project_id}/manifests/") == 0


def test_an_empty_request_exports_the_newest_timeline(desk: Desk) -> None:
    project_id = desk.ready_project()
    desk.save_timeline(project_id, timeline(name="two"))

    answer = post(desk, project_id)

    assert answer.status_code == 200
    job = answer.json()["job"]
    assert re.fullmatch(r"export_2_\d{8}_\d{6}\.mp4", job["output_filename"])
    assert job["manifest_path"] == f"{project_id}/manifests/{job['job_id']}.json"
    assert job["preset"] == STANDARD_EXPORT.model_dump(mode="json")
    expected = {"job_type": "export", "status": "queued", "progress": 0.0, "attempt": 0, "timeline_version": 2}
    assert {name: job[name] for name in expected} == expected
    assert (job["execution_mode"], job["cancel_requested"], job["metadata"]) == ("local", False, {})
    assert (job["lease"], job["output_url"], job["started_at"], job["completed_at"]) == (None, None, None, None)
    assert [(e["from_status"], e["to_status"]) for e in job["events"]] == [(None, "pending"), ("pending", "queued")]
    assert desk.job(project_id, job["job_id"]) == job


def test_the_manifest_holds_all_a_renderer_needs(desk: Desk) -> None:
    project_id = desk.project()
    asset = desk.asset(project_id)
    document = timeline(track(clip(external(asset["asset_id"])), clip()))
    desk.save_timeline(project_id, document)

    job = desk.render(project_id, start_frame=2, end_frame=40, output_filename="cut.mp4")

    manifest = manifest_of(desk, job)
    assert (manifest.job_id, manifest.project_id, manifest.timeline_version) == (job["job_id"], project_id, 1)
    assert manifest.timeline == document
    assert manifest.asset_map == {asset["asset_id"]: f"{project_id}/assets/{asset['asset_id']}.mp4"}
    integrity = manifest.asset_integrity[asset["asset_id"]].model_dump()
    assert integrity == {name: asset[name] for name in ("size_bytes", "crc32c", "sha256")}
    assert (manifest.start_frame, manifest.end_frame, manifest.output_filename) == (2, 40, "cut.mp4")
    assert (manifest.input_bucket, manifest.output_bucket, manifest.execution_mode) == ("deskrun", "deskrun", "local")


def test_a_version_stays_what_it_was(desk: Desk) -> None:
    project_id = desk.ready_project()
    desk.save_timeline(project_id, timeline(name="two"))

    job = desk.render(project_id, timeline_version=1)

    assert (job["timeline_version"], manifest_of(desk, job).timeline["name"]) == (1, "cut")


@pytest.mark.parametrize("name", BUILT_IN_PRESETS)
def test_every_built_in_preset_by_name(name: str, desk: Desk) -> None:
    job = desk.render(desk.ready_project(), preset=name)

    assert job["preset"] == BUILT_IN_PRESETS[name].model_dump(mode="json")
    assert job["output_filename"].endswith("." + job["preset"]["video"]["container"])


def test_a_preview_defaults_to_the_draft_preset(desk: Desk) -> None:
    job = desk.render(desk.ready_project(), job_type="preview")

    assert job["preset"] == DRAFT_PREVIEW.model_dump(mode="json")
    assert job["output_filename"].startswith("preview_1_")


def test_a_preset_of_ones_own(desk: Desk) -> None:
    own = {"name": "tiny", "video": {"width": 64, "height": 36, "container": "mkv"}, "audio": {"codec": "opus"}}

    job = desk.render(desk.ready_project(), preset=own, output_filename="a")

    assert (job["preset"]["video"]["width"], job["output_filename"]) == (64, "a.mkv")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"preset": "Best"}, "/preset"),
        ({"preset": {"name": "x", "video": {"crf": 52}}}, "/preset/video"),
        ({"preset": {"name": "x", "video": {"width": 5, "height": 5}}}, "/preset/video/width"),
        ({"output_filename": "../x.mp4"}, "/output_filename"),
        ({"output_filename": "x.webm"}, "/output_filename"),
        ({"output_filename": "x" * 200}, "/output_filename"),
        ({"start_frame": 5, "end_frame": 5}, ""),
        ({"end_frame": -1}, "/end_frame"),
        ({"timeline_version": 0}, "/timeline_version"),
        ({"job_type": "film"}, "/job_type"),
        ({"metadata": {str(n): n for n in range(65)}}, "/metadata"),
    ],
)
def test_a_wrong_request_is_422_and_writes_nothing(body: dict[str, Any], pointer: str, desk: Desk) -> None:
    project_id = desk.ready_project()

    answer = post(desk, project_id, **body)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), answer.text
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    assert_nothing_written(desk, project_id)


@pytest.mark.parametrize("version", [None, 2])
def test_without_that_timeline_it_is_404(version: int | None, desk: Desk) -> None:
    project_id = desk.ready_project() if version else desk.project()

    answer = post(desk, project_id, timeline_version=version)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "timeline" in answer.json()["detail"]
    assert_nothing_written(desk, project_id)


def test_missing_media_are_told_with_a_pointer_to_every_clip(desk: Desk, stranger: Desk) -> None:
    project_id, their_id = desk.project(), stranger.project()
    good, theirs = desk.asset(project_id)["asset_id"], stranger.asset(their_id)["asset_id"]
    pending = desk.pending_asset(project_id)["asset_id"]
    references = [external(asset_id) for asset_id in (good, theirs, pending, "never-heard-of", good, theirs)]
    desk.save_timeline(project_id, timeline(track(clip()), track(*map(clip, references))))

    answer = post(desk, project_id)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_timeline")
    assert {error["pointer"]: error["message"] for error in answer.json()["errors"]} == {
        "/tracks/children/1/children/1": f"asset {theirs} does not exist in this project",
        "/tracks/children/1/children/5": f"asset {theirs} does not exist in this project",
        "/tracks/children/1/children/2": f"asset {pending} was not uploaded completely",
        "/tracks/children/1/children/3": "asset never-heard-of does not exist in this project",
    }
    assert_nothing_written(desk, project_id)


def test_many_missing_media_are_counted(desk: Desk) -> None:
    project_id = desk.project()
    desk.save_timeline(project_id, timeline(track(*(clip(external(f"missing-{n}")) for n in range(10_000)))))

    answer = post(desk, project_id)

    assert answer.status_code == 422
    assert "9999 more" in answer.json()["detail"]
    assert len(answer.json()["errors"]) == 50
    assert_nothing_written(desk, project_id)


NO_LENGTH = {**time_range(), "duration": rational(0)}
NEGATIVE = {**time_range(), "duration": rational(-1)}
UNRENDERABLE: dict[str, tuple[dict[str, Any], str]] = {
    "no tracks": ({**timeline(), "tracks": {"OTIO_SCHEMA": "Stack.1"}}, "/tracks"),
    "an empty track": (timeline(track()), "/tracks"),
    "a clip of no length": (timeline(track(clip(), clip(source_range=NO_LENGTH))), "/tracks/children/0/children/1"),
    "a clip of negative length": (timeline(track(clip(source_range=NEGATIVE))), "/tracks/children/0/children/0"),
    "media of no length": (
        timeline(track(clip({**solid(), "available_range": NO_LENGTH}, source_range=None))),
        "/tracks/children/0/children/0",
    ),
    "a missing reference": (
        timeline(track(clip({"OTIO_SCHEMA": "MissingReference.1"}))),
        "/tracks/children/0/children/0",
    ),
    "no reference": (timeline(track({"OTIO_SCHEMA": "Clip.2"})), "/tracks/children/0/children/0"),
    "a file of the desk": (
        timeline(track(clip({"OTIO_SCHEMA": "ExternalReference.1", "target_url": "file:///etc/passwd"}))),
        "/tracks/children/0/children/0",
    ),
    "an asset id that is a path": (timeline(track(clip(external("../../x")))), "/tracks/children/0/children/0"),
    "an empty asset id": (timeline(track(clip(external("")))), "/tracks/children/0/children/0"),
    "a reserved asset id": (timeline(track(clip(external("__all__")))), "/tracks/children/0/children/0"),
}


@pytest.mark.parametrize("why", UNRENDERABLE)
def test_a_timeline_that_cannot_be_rendered_is_422(why: str, desk: Desk) -> None:
    document, pointer = UNRENDERABLE[why]
    project_id = desk.project()
    desk.save_timeline(project_id, document)

    answer = post(desk, project_id)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_timeline"), answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert_nothing_written(desk, project_id)


def test_a_deep_timeline_is_422(desk: Desk) -> None:
    project_id = desk.project()
    inner = track(clip())
    for _ in range(20):
        inner = {"OTIO_SCHEMA": "Stack.1", "children": [inner]}
    desk.save_timeline(project_id, timeline(inner))

    answer = post(desk, project_id)

    assert [error["pointer"] for error in answer.json()["errors"]] == ["/tracks"]


def test_cloud_rendering_is_told_to_be_impossible_here(desk: Desk) -> None:
    project_id = desk.ready_project()

    answer = post(desk, project_id, execution_mode="cloud")

    assert (answer.status_code, answer.json()["code"]) == (409, "not_applicable")
    assert_nothing_written(desk, project_id)


def test_more_assets_than_are_read_one_by_one(desk: Desk) -> None:
    project_id = desk.project()
    assets = [desk.asset(project_id, f"clip {n}".encode()) for n in range(12)]
    desk.save_timeline(project_id, timeline(track(*(clip(external(a["asset_id"])) for a in assets))))

    manifest = manifest_of(desk, desk.render(project_id))

    found = {asset_id: integrity.crc32c for asset_id, integrity in manifest.asset_integrity.items()}
    assert found == {a["asset_id"]: crc32c_of(f"clip {n}".encode()) for n, a in enumerate(assets)}


def test_the_manifest_is_json_that_any_parser_reads(desk: Desk) -> None:
    job = desk.render(desk.ready_project(), metadata={"deep": [[1], {"a": None}]})

    with desk.control_plane.services.objects.open(job["manifest_path"]) as stream:
        assert json.load(stream)["schema_version"] == 1
    assert job["metadata"] == {"deep": [[1], {"a": None}]}
