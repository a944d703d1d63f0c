"""The example bodies of the desktop guide (seed 000), as they stand there."""

import json

import pytest

from schemas.outputs import OutputUploadRequest, RegisterOutput
from schemas.renders import RenderManifest, RenderProgress
from schemas.uploads import DownloadTicket, UploadTicket

WEBHOOK = """
{
  "job_id": "...",
  "status": "completed",
  "progress": 100,
  "output_url": "gs://bucket/project_id/renders/output.mp4",
  "output_size_bytes": 12345678
}
"""
SHARE = """
{
  "filename": "final.mp4",
  "content_type": "video/mp4"
}
"""
REGISTER = """
{
  "gcs_path": "gs://bucket/project_id/outputs/desktop_...mp4",
  "changes": {
    "note": "Local render share"
  }
}
"""
UPLOAD_ANSWER = """
{
  "ok": true,
  "upload_url": "https://storage.googleapis.com/...",
  "gcs_path": "gs://bucket/project_id/renders/output.mp4",
  "expires_in": 3600
}
"""
DOWNLOAD_ANSWER = """
{
  "ok": true,
  "url": "https://storage.googleapis.com/...",
  "expires_in": 3600
}
"""


def test_the_webhook_body() -> None:
    # "..." stands for an id, which has no dots.
    report = RenderProgress.model_validate_json(WEBHOOK.replace('"..."', '"job-1"'))

    assert (report.status, report.progress, report.output_size_bytes) == ("completed", 100, 12345678)
    assert (report.attempt, report.output_crc32c) == (None, None)


def test_the_bodies_of_sharing() -> None:
    assert OutputUploadRequest.model_validate_json(SHARE).filename == "final.mp4"
    assert RegisterOutput.model_validate_json(REGISTER).changes == {"note": "Local render share"}


def test_the_answers() -> None:
    upload, download = (
        UploadTicket.model_validate_json(UPLOAD_ANSWER),
        DownloadTicket.model_validate_json(DOWNLOAD_ANSWER),
    )

    assert set(json.loads(UPLOAD_ANSWER)) <= set(upload.model_dump())
    assert set(json.loads(DOWNLOAD_ANSWER)) <= set(download.model_dump())


@pytest.mark.parametrize("name", ["timeline", "timeline_snapshot"])
def test_a_manifest_made_by_hand_may_call_its_timeline_as_the_original_did(name: str) -> None:
    manifest = RenderManifest.model_validate(
        {
            "job_id": "local:1",
            "project_id": "local",
            name: {"OTIO_SCHEMA": "Timeline.1"},
            "asset_map": {"a1": "/films/clip.mp4"},
            "preset": {"name": "mine"},
            "output_path": "out.mp4",
            "output_filename": "out.mp4",
        }
    )

    assert (manifest.execution_mode, manifest.timeline) == ("local", {"OTIO_SCHEMA": "Timeline.1"})
