import hashlib
from typing import Any

import httpx
import pytest

from tests.builders import CLIP_BYTES, Desk, crc32c_of, put


def test_the_server_looks_at_the_object_itself(desk: Desk) -> None:
    project_id = desk.project()
    ticket = desk.pending_asset(project_id)
    complete = f"/projects/{project_id}/assets/{ticket['asset_id']}/complete"
    assert desk.http.post(complete, json={}).json()["code"] == "upload_missing"
    put(ticket, CLIP_BYTES).raise_for_status()
    sha256 = hashlib.sha256(CLIP_BYTES).hexdigest()

    asset = desk.http.post(complete, json={"sha256": sha256}).json()["asset"]

    assert (asset["status"], asset["size_bytes"], asset["sha256"]) == ("ready", len(CLIP_BYTES), sha256)
    assert asset["crc32c"] == crc32c_of(CLIP_BYTES)


def test_completing_twice_changes_nothing(desk: Desk) -> None:
    project_id = desk.project()
    ticket = desk.pending_asset(project_id)
    put(ticket, CLIP_BYTES).raise_for_status()
    complete = f"/projects/{project_id}/assets/{ticket['asset_id']}/complete"

    first = desk.http.post(complete, json={}).json()
    second = desk.http.post(complete, json={"sha256": "0" * 64}).json()

    assert second["asset"]["sha256"] is None
    assert {**second["asset"], "media": None} == {**first["asset"], "media": None}


@pytest.mark.parametrize("told", [{"size_bytes": 1}, {"crc32c": "AAAAAA=="}])
def test_bytes_that_changed_on_the_way_are_told(told: dict[str, Any], desk: Desk) -> None:
    project_id = desk.project()
    ticket = desk.pending_asset(project_id)
    put(ticket, CLIP_BYTES).raise_for_status()

    answer = desk.http.post(f"/projects/{project_id}/assets/{ticket['asset_id']}/complete", json=told)

    assert (answer.status_code, answer.json()["code"]) == (409, "upload_mismatch")
    asset = desk.http.get(f"/projects/{project_id}/assets/{ticket['asset_id']}").json()["asset"]
    assert asset["status"] == "pending"


def test_bytes_that_are_not_as_told_are_removed_unless_they_were_accepted(desk: Desk) -> None:
    project_id = desk.project()
    ticket = desk.pending_asset(project_id)
    put(ticket, CLIP_BYTES[::-1]).raise_for_status()
    path = f"/projects/{project_id}/assets/{ticket['asset_id']}"
    told = {"crc32c": crc32c_of(CLIP_BYTES)}

    assert desk.http.post(f"{path}/complete", json=told).json()["code"] == "upload_mismatch"

    put(ticket, CLIP_BYTES).raise_for_status()
    assert desk.http.post(f"{path}/complete", json=told).json()["asset"]["status"] == "ready"
    assert desk.http.post(f"{path}/complete", json={"size_bytes": 1}).json()["code"] == "upload_mismatch"
    assert httpx.get(desk.http.get(f"{path}/download").json()["url"], trust_env=False).content == CLIP_BYTES
