"""The desktop integration guide, step by step as its document writes it, by somebody who has curl and never claims.

The example answers are the document's own. What it takes for granted, a project and a timeline, is made here too.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from schemas.renders import RenderManifest
from tests.support.places import Place
from tests.support.processes import ROOT, TOKEN, ControlPlaneProcess
from tests.support.studio import timeline_of
from tests.system.curl import Curl, check
from worker.render.probe import probe_media

BUCKET = "deskrun"


@dataclass
class Guide:
    """One person's walk through the guide: each step leaves here what the next ones need."""

    curl: Curl
    storage: str
    """Origin of signed URLs; ``https://storage.googleapis.com`` in the document."""
    clip: Path
    project_id: str = ""
    asset_id: str = ""
    job_id: str = ""
    video: Path = Path()

    @property
    def names(self) -> dict[str, Any]:
        """What the words of the examples stand for."""
        return {
            "https://storage.googleapis.com": self.storage,
            "{project_id}": self.project_id,
            "{job_id}": self.job_id,
            "project_id": self.project_id,
            "gs://bucket": f"gs://{BUCKET}",
        }

    def create_project(self) -> None:
        project = self.curl.send_json("POST", "/projects", '{"name": "the guide"}')
        self.project_id = project["project_id"]

    def upload_asset(self) -> None:
        """POST /projects/{project_id}/assets, Content-Type: multipart/form-data."""
        form = ("--form", f"file=@{self.clip};type=video/mp4")
        asset = self.curl("POST", f"/projects/{self.project_id}/assets", *form)["asset"]
        assert (asset["asset_name"], asset["asset_type"]) == (self.clip.name, "video/mp4")
        assert asset["asset_url"].startswith(f"gs://{BUCKET}/{self.project_id}/assets/")
        self.asset_id = asset["asset_id"]

    def list_assets(self) -> None:
        """GET /projects/{project_id}/assets."""
        listed = self.curl("GET", f"/projects/{self.project_id}/assets")
        assert (listed["ok"], [asset["asset_id"] for asset in listed["assets"]]) == (True, [self.asset_id])

    def download_asset(self) -> None:
        """GET /projects/{project_id}/assets/{asset_id}/download."""
        answer = self.curl("GET", f"/projects/{self.project_id}/assets/{self.asset_id}/download")
        check(answer, '{"ok": true, "url": "https://storage.googleapis.com/...", "expires_in": 3600}', **self.names)
        assert self.curl.download(answer["url"]) == self.clip.read_bytes()

    def save_timeline(self) -> None:
        self.curl.send_json("PUT", f"/projects/{self.project_id}/timeline", json.dumps(timeline_of(self.asset_id, 1)))

    def create_job(self) -> None:
        """POST /projects/{project_id}/render."""
        job = self.curl("POST", f"/projects/{self.project_id}/render")["job"]
        assert (job["project_id"], job["status"], job["execution_mode"]) == (self.project_id, "queued", "local")
        self.job_id = job["job_id"]

    def fetch_manifest(self) -> RenderManifest:
        """GET /projects/{project_id}/renders/{job_id}/manifest, then the manifest itself."""
        answer = self.curl("GET", f"/projects/{self.project_id}/renders/{self.job_id}/manifest")
        example = """{
          "ok": true,
          "manifest_url": "https://storage.googleapis.com/...",
          "manifest_path": "{project_id}/manifests/{job_id}.json",
          "expires_in": 3600
        }"""
        check(answer, example, **self.names)
        return RenderManifest.model_validate_json(self.curl.download(answer["manifest_url"]))

    def render_locally(self, manifest: RenderManifest, folder: Path) -> None:
        """Rewrite asset_map entries to absolute local paths when available; render locally."""
        assert list(manifest.asset_map) == [self.asset_id]
        manifest.asset_map[self.asset_id] = str(self.clip)
        written = folder / "manifest.json"
        written.write_text(manifest.model_dump_json())
        self.video = folder / "output.mp4"
        command = ["-m", "worker.cli", "render", str(written), "-o", str(self.video), "--allow", str(self.clip.parent)]
        done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, check=False, text=True)
        assert done.returncode == 0, done.stderr
        assert probe_media(self.video).duration_seconds == pytest.approx(1, abs=0.1)

    def upload_output(self) -> str:
        """POST /projects/{project_id}/renders/{job_id}/upload-url, then HTTP PUT."""
        answer = self.curl("POST", f"/projects/{self.project_id}/renders/{self.job_id}/upload-url")
        example = """{
          "ok": true,
          "upload_url": "https://storage.googleapis.com/...",
          "gcs_path": "gs://bucket/project_id/renders/....mp4",
          "expires_in": 3600
        }"""
        check(answer, example, **self.names)
        self.curl.put_file(answer["upload_url"], self.video, {})
        path: str = answer["gcs_path"]
        return path

    def notify_backend(self, gcs_path: str) -> None:
        """POST /projects/{project_id}/renders/{job_id}/webhook with the document's payload."""
        payload = {
            "job_id": self.job_id,
            "status": "completed",
            "progress": 100,
            "output_url": gcs_path,
            "output_size_bytes": self.video.stat().st_size,
        }
        answer = self.curl.send_json(
            "POST", f"/projects/{self.project_id}/renders/{self.job_id}/webhook", json.dumps(payload)
        )
        assert (answer["ok"], answer["status"]) == (True, "completed")

    def poll_status(self, gcs_path: str) -> None:
        """GET /projects/{project_id}/renders/{job_id}."""
        job = self.curl("GET", f"/projects/{self.project_id}/renders/{self.job_id}")["job"]
        found = {name: job[name] for name in ("status", "progress", "output_url", "output_size_bytes", "attempt")}
        size = self.video.stat().st_size
        assert found == {
            "status": "completed",
            "progress": 100,
            "output_url": gcs_path,
            "output_size_bytes": size,
            "attempt": 1,
        }
        assert [event["to_status"] for event in job["events"]] == ["pending", "queued", "processing", "completed"]

    def share_output(self, *, version: int) -> None:
        """POST .../outputs/upload-url, HTTP PUT, POST .../outputs."""
        body = '{"filename": "final.mp4", "content_type": "video/mp4"}'
        ticket = self.curl.send_json("POST", f"/projects/{self.project_id}/outputs/upload-url", body)
        example = """{
          "ok": true,
          "upload_url": "https://storage.googleapis.com/...",
          "gcs_path": "gs://bucket/project_id/outputs/desktop_...mp4",
          "expires_in": 3600
        }"""
        check(ticket, example, **self.names)
        self.curl.put_file(ticket["upload_url"], self.video, {"Content-Type": "video/mp4"})
        register = json.dumps({"gcs_path": ticket["gcs_path"], "changes": {"note": "Local render share"}})
        output = self.curl.send_json("POST", f"/projects/{self.project_id}/outputs", register)
        example = f"""{{
          "ok": true,
          "video_id": "...",
          "video_url": "{ticket["gcs_path"]}",
          "version": {version},
          "created_at": "2026-01-21T00:00:00Z"
        }}"""
        check(output, example)
        assert output["changes"] == {"note": "Local render share"}


@pytest.mark.parametrize("prefix", ["", "/api/v1"])
def test_the_guide_works_as_written(
    place: Place, control_plane: ControlPlaneProcess, clip: Path, tmp_path: Path, prefix: str
) -> None:
    curl = Curl(control_plane.url + prefix, TOKEN, tmp_path)
    storage = place.settings.get("STORAGE_EMULATOR_HOST", control_plane.url)
    guide = Guide(curl, storage, clip)
    guide.create_project()
    guide.upload_asset()
    guide.list_assets()
    guide.download_asset()
    guide.save_timeline()
    guide.create_job()
    guide.render_locally(guide.fetch_manifest(), tmp_path)
    gcs_path = guide.upload_output()
    guide.notify_backend(gcs_path)
    guide.poll_status(gcs_path)
    guide.share_output(version=1)
    guide.share_output(version=2)


def test_without_the_token_nothing_answers(control_plane: ControlPlaneProcess, tmp_path: Path) -> None:
    for token in ("", "wrong", f"{TOKEN}x"):
        status, answer = Curl(control_plane.url, token, tmp_path).call("GET", "/projects")
        assert (status, json.loads(answer)["ok"]) == (401, False)
