import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response

from schemas.jobs import JobKind, JobStatus
from schemas.workers import LeaseState
from tests.support.scripted import ScriptedServer
from worker.assets.cache import AssetCache
from worker.assets.overrides import Overrides
from worker.assets.resolve import AssetResolver
from worker.control_plane import ControlPlane
from worker.desk import SPARE_BYTES, Desk, stop_reason
from worker.job_runner import Stop
from worker.render.ffmpeg import find_ffmpeg
from worker.render_work import Tools
from worker.transfers import Transfers


def with_desk(url: str, data_dir: Path, script: Callable[[Desk], Awaitable[None]], *, slots: int = 2) -> int:
    """How often the desk said that its next heartbeat would differ while ``script`` ran."""
    changes = 0

    def on_change() -> None:
        nonlocal changes
        changes += 1

    async def main() -> None:
        async with ControlPlane(url, lambda: "t") as plane, Transfers() as transfers:
            cache = AssetCache(data_dir / "cache", max_bytes=1, transfers=transfers)
            tools = Tools(plane, transfers, AssetResolver(plane, cache, Overrides([])), find_ffmpeg(), None)
            desk = Desk(data_dir, slots, tools, on_change=on_change)
            try:
                await script(desk)
            finally:
                await desk.close(within_seconds=0, release_seconds=0)

    asyncio.run(main())
    return changes


def offer(desk: Desk, job_id: str) -> bool:
    return desk.offer("p", job_id, JobKind.RENDER, worker_id="w")


def hanging() -> ScriptedServer:
    async def handler(_: Request) -> Response:
        await asyncio.sleep(3600)
        return Response()

    return ScriptedServer(handler)


def test_a_job_is_taken_on_once_and_only_while_a_slot_is_free(tmp_path: Path) -> None:
    async def script(desk: Desk) -> None:
        assert [offer(desk, job_id) for job_id in ("a", "a", "b", "b", "c")] == [True, False, True, False, False]
        assert (desk.free_slots, sorted(desk.job_ids)) == (0, ["a", "b"])
        assert desk.held_leases() == []

    with hanging() as server:
        with_desk(server.url, tmp_path, script)


def test_a_claim_that_is_refused_frees_its_slot(tmp_path: Path) -> None:
    async def handler(_: Request) -> Response:
        body = b'{"title":"t","status":409,"detail":"taken","code":"lease_held","request_id":"r"}'
        return Response(body, 409)

    async def script(desk: Desk) -> None:
        offer(desk, "a")
        while desk.job_ids:  # noqa: ASYNC110 - what it waits for sets no event
            await asyncio.sleep(0.01)
        assert desk.free_slots == 2

    with ScriptedServer(handler) as server:
        assert with_desk(server.url, tmp_path, script) >= 1
    assert not (tmp_path / "jobs").exists()


def test_a_full_disk_takes_nothing_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = SPARE_BYTES - 1

    async def script(desk: Desk) -> None:
        assert desk.free_slots == 2
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage)
        assert desk.free_slots == 0
        assert not offer(desk, "a")

    with_desk("http://127.0.0.1:1", tmp_path, script)


def test_a_closed_desk_takes_nothing_on(tmp_path: Path) -> None:
    async def script(desk: Desk) -> None:
        await desk.close(within_seconds=0, release_seconds=0)
        assert (desk.free_slots, offer(desk, "a")) == (0, False)

    with_desk("http://127.0.0.1:1", tmp_path, script)


@pytest.mark.parametrize(
    ("held", "cancel_requested", "reason"),
    [(True, False, None), (True, True, Stop.CANCELLED), (False, False, Stop.LOST), (False, True, Stop.LOST)],
)
def test_a_verdict_says_what_becomes_of_the_job(*, held: bool, cancel_requested: bool, reason: Stop | None) -> None:
    verdict = LeaseState(
        job_id="j",
        attempt=1,
        held=held,
        cancel_requested=cancel_requested,
        status=JobStatus.PROCESSING,
        expires_at=None,
    )
    assert stop_reason(verdict) is reason
