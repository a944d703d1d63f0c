"""One valid request for every endpoint of the catalogue; tests that hold for all routes are generated from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from functions import catalog
from functions.endpoint import Endpoint
from functions.request_body import FormFile
from functions.routing import parameter_names
from tests.builders import CLIP_BYTES, Desk, timeline

ALL = catalog.endpoints()
every_route = pytest.mark.parametrize("spec", ALL, ids=lambda spec: spec.name)
every_route_with_ids = pytest.mark.parametrize(
    "spec", [spec for spec in ALL if parameter_names(spec.path)], ids=lambda spec: spec.name
)

SOME_ID = "00000000-0000-4000-8000-000000000000"


def _body(name: str, ids: Mapping[str, str]) -> dict[str, Any]:
    """The smallest body that the endpoint's schema accepts; ``{}`` unless it is listed here."""
    needed: dict[str, dict[str, Any]] = {
        "create_project": {"name": "film"},
        "save_timeline": timeline(),
        "set_members": {"members": []},
        "create_asset_upload": {"filename": "a.mp4", "content_type": "video/mp4", "size_bytes": 1},
        "create_output_upload": {"filename": "a.mp4"},
        "register_output": {"gcs_path": "gs://deskrun/none/outputs/none.mp4"},
        "claim_render": {"worker_id": ids.get("own_worker_id", SOME_ID)},
        "report_render": {"job_id": ids.get("job_id", SOME_ID), "status": "processing", "progress": 1},
        "register_worker": {"name": "desk", "kinds": ["render"], "software_version": "1", "protocol_version": 1},
        "record_heartbeat": {"free_slots": 1},
    }
    return needed.get(name, {})


def call(http: httpx.Client, spec: Endpoint, ids: Mapping[str, str], **options: Any) -> httpx.Response:
    """Request the endpoint with ``ids`` in its path; ids that are not given are of nothing."""
    path = spec.path.format(**{name: ids.get(name, SOME_ID) for name in parameter_names(spec.path)})
    if FormFile in spec.parameters.values():
        options = {"files": {"file": ("a.mp4", CLIP_BYTES, "video/mp4")}, **options}
    elif "body" in spec.parameters:
        options = {"json": _body(spec.name, ids), **options}
    return http.request(spec.method, path, **options)


@dataclass
class Belongings:
    """One of everything that has an id, all of one user."""

    owner: Desk
    ids: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        project_id = self.owner.ready_project()
        self.ids = {
            "project_id": project_id,
            "asset_id": self.owner.asset(project_id)["asset_id"],
            "job_id": self.owner.render(project_id)["job_id"],
            "video_id": self.owner.share(project_id)["video_id"],
            "worker_id": self.owner.worker(),
        }
