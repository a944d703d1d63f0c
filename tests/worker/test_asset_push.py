"""What a person sends goes up whatever happens on the way, and leaves nothing half done behind."""

import asyncio
from functools import partial
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response

from schemas.assets import AssetStatus
from schemas.uploads import UploadTicket
from tests.support.processes import TOKEN, ControlPlaneProcess
from tests.support.scripted import ScriptedServer
from tests.support.studio import Studio
from worker import retries
from worker.asset_push import MAX_TICKETS, all_assets, push_asset, send_file
from worker.control_plane import ControlPlane
from worker.errors import Offline, TicketExpired, UploadRejected
from worker.transfers import CHUNK_BYTES, Transfers


class Interrupted(Exception):
    """Stands for whatever ends a push in its middle."""


class Desk:
    """Sends ``path`` to a store that answers with ``statuses``; tickets and finishing calls fail as told."""

    def __init__(self, path: Path, *statuses: int) -> None:
        self._path = path
        self._statuses = iter(statuses)
        self.ticket_failures: list[Exception] = []
        self.finish_failures: list[Exception] = []
        self.tickets = 0
        self.finished: list[str] = []

    def send(self) -> str:
        """What the finishing call answers."""

        async def store(_: Request) -> Response:
            return Response(status_code=next(self._statuses))

        async def main() -> str:
            async with Transfers() as transfers:
                return await send_file(transfers, self._path, get_ticket=self._get_ticket, finish=self._finish)

        with ScriptedServer(store) as self._server:
            return asyncio.run(main())

    async def _get_ticket(self) -> UploadTicket:
        if self.ticket_failures:
            raise self.ticket_failures.pop()
        self.tickets += 1
        return UploadTicket(upload_url=f"{self._server.url}/o", gcs_path=f"gs://b/{self.tickets}", expires_in=9)

    async def _finish(self, ticket: UploadTicket) -> str:
        self.finished.append(ticket.gcs_path)
        if self.finish_failures:
            raise self.finish_failures.pop()
        return "counted"


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(retries, "FIRST_SECONDS", 0.001)
    path = tmp_path / "small.mp4"
    path.write_bytes(b"some bytes")
    return path


def test_calls_that_fail_are_made_again(small: Path) -> None:
    desk = Desk(small, 200)
    desk.ticket_failures = [Offline("x"), Offline("x")]
    desk.finish_failures = [Offline("x")]
    assert desk.send() == "counted"
    assert desk.finished == ["gs://b/1", "gs://b/1"]


def test_a_ticket_that_the_store_refuses_is_renewed_and_the_new_one_finished(small: Path) -> None:
    desk = Desk(small, 403, 400, 200)
    assert desk.send() == "counted"
    assert desk.finished == ["gs://b/3"]


def test_an_object_that_the_server_does_not_count_is_sent_again(small: Path) -> None:
    desk = Desk(small, 200, 412)
    desk.finish_failures = [UploadRejected("not as announced")]
    assert desk.send() == "counted"
    assert desk.finished == ["gs://b/1", "gs://b/2"]


def test_neither_store_nor_server_is_asked_for_ever(small: Path) -> None:
    desk = Desk(small, *[403] * MAX_TICKETS)
    with pytest.raises(TicketExpired):
        desk.send()
    assert (desk.tickets, desk.finished) == (MAX_TICKETS, [])
    desk = Desk(small, *[200] * MAX_TICKETS)
    desk.finish_failures = [UploadRejected("no")] * MAX_TICKETS
    with pytest.raises(UploadRejected):
        desk.send()
    assert desk.tickets == MAX_TICKETS


@pytest.mark.parametrize("size_bytes", [100_000, 2 * CHUNK_BYTES + 1], ids=["after its PUT", "in its session"])
def test_a_push_that_was_interrupted_is_completed_by_the_next(
    control_plane: ControlPlaneProcess, tmp_path: Path, size_bytes: int
) -> None:
    project_id = Studio(control_plane.url).project_id
    path = tmp_path / "take.mov"
    path.write_bytes(b"x" * size_bytes)

    def interrupt(_: int) -> None:
        raise Interrupted

    async def main() -> None:
        async with ControlPlane(control_plane.url, lambda: TOKEN) as plane, Transfers() as transfers:
            push = partial(push_asset, plane, transfers, project_id, path, known=[])
            with pytest.raises(Interrupted):
                await push(on_bytes=interrupt)
            (pending,) = await all_assets(plane, project_id)
            assert pending.status is AssetStatus.PENDING
            await push()
            (ready,) = await all_assets(plane, project_id)
            assert (ready.asset_id, ready.status) == (pending.asset_id, AssetStatus.READY)

    asyncio.run(main())
