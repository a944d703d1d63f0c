import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from schemas.jobs import JobKind, JobStatus
from schemas.workers import LeaseState
from tests.support.scripted import ScriptedServer
from worker import calls, retries
from worker import control_plane as control_plane_module
from worker import desk as desk_module
from worker.assets.cache import AssetCache
from worker.assets.overrides import Overrides
from worker.assets.resolve import AssetResolver
from worker.control_plane import ControlPlane
from worker.desk import SPARE_BYTES, Desk, stop_reason
from worker.job_runner import Stop
from worker.render.cache import SegmentCache
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
            assets = AssetResolver(plane, cache, Overrides([]))
            tools = Tools(plane, transfers, assets, find_ffmpeg(), None, SegmentCache(data_dir / "pieces"))
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


def refusing(status: int, code: str) -> ScriptedServer:
    async def handler(_: Request) -> Response:
        body = {"title": "t", "status": status, "detail": "d", "code": code, "request_id": "r"}
        return JSONResponse(body, status, media_type=calls.PROBLEM_TYPE)

    return ScriptedServer(handler)


async def claims_ended(desk: Desk) -> None:
    while desk.job_ids:  # noqa: ASYNC110 - what it waits for sets no event
        await asyncio.sleep(0.01)


def test_a_job_is_taken_on_once_and_only_while_a_slot_is_free(tmp_path: Path) -> None:
    async def script(desk: Desk) -> None:
        assert [offer(desk, job_id) for job_id in ("a", "a", "b", "b", "c")] == [True, False, True, False, False]
        assert (desk.free_slots, sorted(desk.job_ids)) == (0, ["a", "b"])
        assert desk.held_leases() == []

    with hanging() as server:
        with_desk(server.url, tmp_path, script)


def test_a_claim_that_is_refused_frees_its_slot(tmp_path: Path) -> None:
    async def script(desk: Desk) -> None:
        offer(desk, "a")
        await claims_ended(desk)
        assert desk.free_slots == 2

    with refusing(409, "lease_held") as server:
        assert with_desk(server.url, tmp_path, script) >= 1
    assert list((tmp_path / "jobs").iterdir()) == []


@pytest.mark.parametrize(("status", "code"), [(404, "not_found"), (409, "illegal_state"), (409, "lease_held")])
def test_a_job_whose_claim_was_refused_is_left_alone_until_it_rings(tmp_path: Path, status: int, code: str) -> None:
    async def script(desk: Desk) -> None:
        assert offer(desk, "a")
        await claims_ended(desk)
        assert not offer(desk, "a")
        assert offer(desk, "b")
        await claims_ended(desk)
        desk.ring("p", "a", JobKind.RENDER, worker_id="w")
        assert desk.job_ids == {"a"}

    with refusing(status, code) as server:
        with_desk(server.url, tmp_path, script)


def test_a_job_that_somebody_else_was_given_is_claimed_again_when_it_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "HELD_PAUSE_SECONDS", 0.05)

    async def script(desk: Desk) -> None:
        offer(desk, "a")
        await claims_ended(desk)
        await asyncio.sleep(0.1)
        assert offer(desk, "a")

    with refusing(409, "lease_held") as server:
        with_desk(server.url, tmp_path, script)


def test_a_claim_that_was_not_answered_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have been given to us; a server that hangs must not use up the lease."""
    monkeypatch.setattr(control_plane_module, "CLAIM_ANSWER_SECONDS", 0.1)
    monkeypatch.setattr(calls, "CONNECT_SECONDS", 0.1)
    monkeypatch.setattr(retries, "FIRST_SECONDS", 0.001)

    async def script(desk: Desk) -> None:
        offer(desk, "a")
        while len(server.seen) < 3:  # noqa: ASYNC110 - what it waits for sets no event
            await asyncio.sleep(0.01)
        assert desk.job_ids == {"a"}

    with hanging() as server:
        with_desk(server.url, tmp_path, script)


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
