import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from schemas.errors import HTTP_STATUS, ErrorCode
from schemas.presets import DRAFT_PREVIEW
from schemas.renders import AssetIntegrity, RenderManifest
from tests.support.scripted import ScriptedServer
from worker.assets.cache import AssetCache
from worker.assets.overrides import Overrides
from worker.assets.resolve import AssetRefusedError, AssetResolver
from worker.calls import PROBLEM_TYPE
from worker.checksums import checksum_file
from worker.control_plane import ControlPlane
from worker.transfers import Transfers

CONTENT = b"media" * 1000


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    return tmp_path / "mine"


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """Knows assets ``known`` and, with bytes that are gone from the store, ``lost``."""

    async def handler(request: Request) -> Response:
        path = request.url.path
        if path == "/bytes":
            return Response(CONTENT)
        if path.endswith("/known/download"):
            return JSONResponse({"ok": True, "url": f"{scripted.url}/bytes", "expires_in": 60})
        if path.endswith("/lost/download"):
            return JSONResponse({"ok": True, "url": f"{scripted.url}/gone", "expires_in": 60})
        code = ErrorCode.NOT_FOUND
        problem = {"title": "t", "status": 404, "detail": "no such asset", "code": code, "request_id": "r"}
        return JSONResponse(problem, HTTP_STATUS[code], media_type=PROBLEM_TYPE)

    scripted = ScriptedServer(handler)
    with scripted:
        yield scripted


def resolve(
    server: ScriptedServer, tmp_path: Path, assets: dict[str, str], integrity: AssetIntegrity | None = None
) -> tuple[dict[str, str], list[tuple[int, int]]]:
    """The resolved asset map, and what was told on the way."""
    manifest = RenderManifest(
        job_id="j",
        project_id="p",
        timeline={},
        asset_map=assets,
        asset_integrity={asset_id: integrity for asset_id in assets if integrity},
        preset=DRAFT_PREVIEW,
        output_path="o",
        output_filename="o.mp4",
    )
    told: list[tuple[int, int]] = []
    (tmp_path / "scratch").mkdir(exist_ok=True)

    async def main() -> RenderManifest:
        overrides = Overrides([tmp_path / "mine"])
        overrides.start()
        try:
            async with ControlPlane(server.url, lambda: "t") as plane, Transfers() as transfers:
                cache = AssetCache(tmp_path / "cache", max_bytes=10**9, transfers=transfers)
                resolver = AssetResolver(plane, cache, overrides)
                return await resolver.resolve(
                    manifest, tmp_path / "scratch", on_done=lambda *counts: told.append(counts)
                )
        finally:
            overrides.stop()

    return asyncio.run(main()).asset_map, told


def paths_of(server: ScriptedServer) -> list[str]:
    return [seen.path for seen in server.seen]


def test_a_download_ends_in_the_cache(server: ScriptedServer, tmp_path: Path, mine: Path) -> None:
    resolved, told = resolve(server, tmp_path, {"known": "p/assets/known/x.mp4"})
    assert Path(resolved["known"]).read_bytes() == CONTENT
    assert Path(resolved["known"]).is_relative_to(tmp_path / "cache")
    assert told == [(0, 1)]


def test_an_override_comes_before_the_cache_and_the_network(server: ScriptedServer, tmp_path: Path, mine: Path) -> None:
    (mine / "x").write_bytes(CONTENT)
    sums = checksum_file(mine / "x")
    wanted = AssetIntegrity(size_bytes=sums.size_bytes, crc32c=sums.crc32c)
    resolved, _ = resolve(server, tmp_path, {"known": "p/assets/known/x.mp4"}, wanted)
    assert resolved == {"known": str(mine / "x")}
    assert paths_of(server) == []


def test_an_absolute_path_below_an_override_folder_is_used(server: ScriptedServer, tmp_path: Path, mine: Path) -> None:
    (mine / "clip.mp4").write_bytes(CONTENT)
    resolved, _ = resolve(server, tmp_path, {"a": str(mine / "clip.mp4")})
    assert resolved == {"a": str(mine / "clip.mp4")}


@pytest.mark.parametrize("place", ["/etc/passwd", "{mine}/../secret", "{mine}/link", "{mine}/none.mp4", "{mine}"])
def test_an_absolute_path_elsewhere_is_refused(server: ScriptedServer, tmp_path: Path, mine: Path, place: str) -> None:
    (tmp_path / "secret").write_bytes(CONTENT)
    (mine / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(AssetRefusedError) as caught:
        resolve(server, tmp_path, {"a": place.format(mine=mine)})
    missing = place in {"{mine}/none.mp4", "{mine}"}
    assert caught.value.code == ("asset_missing" if missing else "outside_roots")
    assert paths_of(server) == []


@pytest.mark.parametrize("asset_id", ["unknown", "lost"])
def test_an_asset_that_is_nowhere_is_missing(server: ScriptedServer, tmp_path: Path, mine: Path, asset_id: str) -> None:
    with pytest.raises(AssetRefusedError, match=f"asset {asset_id}") as caught:
        resolve(server, tmp_path, {asset_id: "p/assets/x"})
    assert caught.value.code == "asset_missing"


def test_a_relative_path_never_names_a_local_file(
    server: ScriptedServer, tmp_path: Path, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "local.mp4").write_bytes(b"mine")
    value: Any = resolve(server, tmp_path, {"known": "local.mp4"})[0]["known"]
    assert Path(value).read_bytes() == CONTENT
