"""Messages as they were on the wire when version 1 was made: today's models must read every one of them.

A golden file is never changed. A new version of a message gets a file of its own.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from schemas.assets import AssetAnswer, AssetUploadRequest, AssetUploadTicket
from schemas.errors import Problem
from schemas.events import Doorbell, MembersChanged, ProjectDeleted, RenderDispatch, StorageObject
from schemas.outputs import OutputAnswer, OutputUploadRequest, RegisterOutput
from schemas.projects import CreateProject, ProjectAnswer
from schemas.renders import ClaimAnswer, ManifestTicket, RenderAnswer, RenderManifest, RenderProgress, RenderRequest
from schemas.timelines import SavedTimeline, TimelineDocument
from schemas.uploads import DownloadTicket, UploadTicket
from schemas.workers import Heartbeat, HeartbeatAnswer, RegisterWorker, WorkerAnswer

GOLDEN = Path(__file__).parent / "golden"
MODELS: dict[str, type[BaseModel]] = {
    "asset_answer": AssetAnswer,
    "asset_upload_request": AssetUploadRequest,
    "asset_upload_ticket": AssetUploadTicket,
    "claim_answer": ClaimAnswer,
    "create_project": CreateProject,
    "doorbell": Doorbell,
    "download_ticket": DownloadTicket,
    "heartbeat": Heartbeat,
    "heartbeat_answer": HeartbeatAnswer,
    "manifest_ticket": ManifestTicket,
    "members_changed": MembersChanged,
    "output_answer": OutputAnswer,
    "output_upload_request": OutputUploadRequest,
    "problem": Problem,
    "project_answer": ProjectAnswer,
    "project_deleted": ProjectDeleted,
    "register_output": RegisterOutput,
    "register_worker": RegisterWorker,
    "render_answer": RenderAnswer,
    "render_dispatch": RenderDispatch,
    "render_manifest": RenderManifest,
    "render_progress": RenderProgress,
    "render_request": RenderRequest,
    "saved_timeline": SavedTimeline,
    "storage_object": StorageObject,
    "timeline_document": TimelineDocument,
    "upload_ticket": UploadTicket,
    "worker_answer": WorkerAnswer,
    "worker_answer_pubsub": WorkerAnswer,
}


def is_kept(sent: Any, read: Any) -> bool:
    """Whether everything that was sent is in what was read, with the same values."""
    if isinstance(sent, dict):
        return isinstance(read, dict) and all(key in read and is_kept(value, read[key]) for key, value in sent.items())
    if isinstance(sent, list):
        return isinstance(read, list) and len(sent) == len(read) and all(map(is_kept, sent, read))
    return bool(sent == read)


def test_every_file_has_its_model_and_every_model_its_file() -> None:
    assert sorted(file.stem for file in GOLDEN.glob("*.json")) == sorted(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_it_is_read_without_loss(name: str) -> None:
    sent = json.loads((GOLDEN / f"{name}.json").read_text())

    read = MODELS[name].model_validate_json((GOLDEN / f"{name}.json").read_bytes())

    assert is_kept(sent, json.loads(read.model_dump_json(by_alias=True)))


@pytest.mark.parametrize("name", ["worker_answer", "claim_answer", "heartbeat_answer", "doorbell", "problem"])
def test_a_newer_server_may_say_more(name: str) -> None:
    sent = json.loads((GOLDEN / f"{name}.json").read_text())

    MODELS[name].model_validate({**sent, "added_later": {"a": 1}})


@pytest.mark.parametrize("name", ["render_request", "render_progress", "heartbeat", "register_worker"])
def test_a_request_with_a_typing_mistake_is_refused(name: str) -> None:
    sent = json.loads((GOLDEN / f"{name}.json").read_text())

    with pytest.raises(ValueError, match="Extra inputs are not permitted"):
        MODELS[name].model_validate({**sent, "progres": 1})
