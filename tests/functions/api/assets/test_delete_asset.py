import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from functions.api.assets.delete_asset import delete_asset
from functions.auth import User
from functions.ports import ObjectStore
from functions.wiring import ServiceSet
from tests.builders import CLIP_BYTES, Desk
from tests.support.control_plane import LocalControlPlane


def test_record_and_bytes_are_gone(desk: Desk) -> None:
    project_id = desk.project()
    asset = desk.asset(project_id)
    path = f"/projects/{project_id}/assets/{asset['asset_id']}"
    url = desk.http.get(f"{path}/download").json()["url"]

    assert desk.http.delete(path).json() == {"ok": True}

    assert desk.http.get(path).status_code == 404
    assert desk.http.delete(path).status_code == 404
    assert httpx.get(url, trust_env=False).status_code == 404


class UploadedMeanwhile:
    """The object store; an upload ends just after the first deletion."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._late = [CLIP_BYTES]

    def delete(self, name: str) -> None:
        self._store.delete(name)
        if self._late:
            self._store.write(name, io.BytesIO(self._late.pop()), content_type="video/mp4")


def test_bytes_that_come_between_bytes_and_record_are_gone_too(tmp_path: Path) -> None:
    with LocalControlPlane(tmp_path, delivers=False) as plane:
        desk = Desk(plane)
        project_id = desk.project()
        asset_id = desk.pending_asset(project_id)["asset_id"]
        assert isinstance(plane.services, ServiceSet)
        objects: Any = UploadedMeanwhile(plane.services.objects)

        delete_asset.endpoint.handler(  # type: ignore[attr-defined]
            project_id=project_id,
            asset_id=asset_id,
            caller=User(desk.user_id),
            services=replace(plane.services, objects=objects),
        )

        assert plane.services.objects.delete_prefix(f"{project_id}/assets/") == 0
