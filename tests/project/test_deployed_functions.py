"""Every function of the catalogue, alone in its own process, from the bundle only, on Google's emulators."""

import base64
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from functions import catalog
from functions.backends.gcp.topics import ensure_topics
from functions.endpoint import Endpoint
from functions.settings import Backend, Settings
from functions.trigger import EventFunction
from schemas.events import MembersChanged, ProjectDeleted, RenderDispatch, StorageObject, Topic
from tests.builders import CLIP_BYTES, clip, external, new_user, put, timeline, track
from tests.functions.every_route import SOME_ID, call, every_route
from tests.project.deployed import Deployment
from tests.support.control_plane import JWT_AUDIENCE, JWT_ISSUER, JWT_SECRET, make_token
from tests.support.gcs_standin import GcsStandin
from tests.support.signer import SigningKey

# The first of them installs the functions' requirements.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

BUCKET = "deskrun-tests"
EVENTS: dict[Topic, BaseModel] = {
    Topic.PROJECT_DELETED: ProjectDeleted(project_id=SOME_ID),
    Topic.MEMBERS_CHANGED: MembersChanged(project_id=SOME_ID),
    Topic.RENDER_DISPATCH: RenderDispatch(project_id=SOME_ID, job_id=SOME_ID),
    Topic.OBJECT_FINALIZED: StorageObject(
        bucket=BUCKET, name=f"{SOME_ID}/assets/{SOME_ID}/a.mp4", size=1, crc32c="AAAAAA==", contentType="video/mp4"
    ),
}


@pytest.fixture
def deployment(
    *,
    staged_bundle: Path,
    function_environment: Path,
    tmp_path: Path,
    gcp_project: str,
    firestore_emulator: str,
    pubsub_emulator: str,
    gcs_standin: GcsStandin,
    signing_key: SigningKey,
) -> Deployment:
    """All functions in a project of their own on the emulators."""
    key_file = tmp_path / "signer.pem"
    signing_key.save(key_file)
    httpx.post(
        f"{gcs_standin.url}/storage/v1/b", params={"project": gcp_project}, json={"name": BUCKET}
    ).raise_for_status()
    settings = {
        "DESKRUN_BACKEND": Backend.GCP,
        "DESKRUN_JWT_ALGORITHM": "HS256",
        "DESKRUN_JWT_AUDIENCE": JWT_AUDIENCE,
        "DESKRUN_JWT_ISSUER": JWT_ISSUER,
        "DESKRUN_JWT_SECRET": JWT_SECRET,
        "DESKRUN_SIGNING_KEY_FILE": str(key_file),
        "FIRESTORE_EMULATOR_HOST": firestore_emulator,
        "GCP_PROJECT_ID": gcp_project,
        "GCS_BUCKET": BUCKET,
        "PUBSUB_EMULATOR_HOST": pubsub_emulator,
        "STORAGE_EMULATOR_HOST": gcs_standin.url,
    }
    ensure_topics(Settings.model_validate({"backend": Backend.GCP, **settings}))
    return Deployment(staged_bundle, function_environment, settings)


def _authorized() -> dict[str, str]:
    return {"Authorization": f"Bearer {make_token(new_user())}"}


@every_route
def test_an_endpoint_starts_cold_and_answers(spec: Endpoint, deployment: Deployment) -> None:
    other_method = "DELETE" if spec.method != "DELETE" else "GET"
    with deployment.running(spec.name) as http:
        assert call(http, spec, {}).status_code == 401
        assert http.request(spec.method, f"{spec.path}/beyond").status_code == 404
        assert http.request(other_method, spec.path).status_code == 405
        answer = call(http, spec, {}, headers=_authorized())
    assert answer.status_code < 500, answer.text
    assert isinstance(answer.json()["ok"], bool)


@pytest.mark.parametrize("spec", catalog.event_functions(), ids=lambda spec: spec.name)
def test_an_event_function_starts_cold_and_takes_its_event(spec: EventFunction, deployment: Deployment) -> None:
    cloud_event = {"ce-id": "1", "ce-source": "//tests", "ce-specversion": "1.0", "ce-type": "tests.event"}
    with deployment.running(spec.name) as http:
        assert http.post("/", json=_delivered(spec), headers=cloud_event).status_code == 200
        assert http.post("/", json=_delivered(spec)).status_code == 400


def _delivered(spec: EventFunction) -> dict[str, Any]:
    """What Eventarc delivers: an object's event as it is, a message in the envelope of Pub/Sub."""
    data = b"{}"
    if spec.topic in EVENTS:
        event = EVENTS[spec.topic]
        if isinstance(event, StorageObject):
            return event.model_dump(by_alias=True)
        data = event.model_dump_json().encode()
    return {"message": {"data": base64.b64encode(data).decode(), "messageId": "1"}, "subscription": "any"}


def test_a_render_is_ordered_from_functions_that_share_nothing_but_the_cloud(deployment: Deployment) -> None:
    """From the clean environment: Firestore, Cloud Storage (its own writes, signed ones) and Pub/Sub."""
    headers = _authorized()

    def ask(function: str, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        with deployment.running(function) as http:
            answer = http.request(method, path, json=body, headers=headers)
        assert answer.status_code < 300, answer.text
        return dict(answer.json())

    project = f"/projects/{ask('create_project', 'POST', '/projects', {'name': 'film'})['project_id']}"
    wanted = {"filename": "a.mp4", "content_type": "video/mp4", "size_bytes": len(CLIP_BYTES)}
    ticket = ask("create_asset_upload", "POST", f"{project}/assets/upload-url", wanted)
    assert put(ticket, CLIP_BYTES).status_code == 200
    asset_id = ticket["asset_id"]
    assert ask("complete_asset", "POST", f"{project}/assets/{asset_id}/complete", {})["ok"] is True
    ask("save_timeline", "PUT", f"{project}/timeline", timeline(track(clip(external(asset_id)))))
    assert ask("create_render", "POST", f"{project}/render", {})["job"]["status"] == "queued"
