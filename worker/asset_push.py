"""Files of this desk become assets of a project; what is there already is not sent again.

Used by ``deskrun assets push`` and ``deskrun demo``; ``deskrun share`` sends its file in the same way.
"""

import asyncio
import hashlib
import mimetypes
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from schemas.assets import Asset, AssetAnswer, AssetStatus, AssetUploadRequest, AssetUploadTicket, CompleteAsset
from schemas.message import Page
from schemas.uploads import UploadTicket
from worker.checksums import Checksums, checksum_file
from worker.control_plane import ControlPlane
from worker.errors import TicketExpired, UploadRejected
from worker.retries import retrying
from worker.transfers import RESUMABLE_BYTES, OnBytes, Transfers

PATIENCE_SECONDS = 60.0
"""How long one step is tried again while a person waits."""
MAX_TICKETS = 3
"""Uploads from the start, when the store or the server does not take one (PROTOCOL section 1)."""
PAGE_ROWS = 100

OTHER_CONTENT_TYPE = "application/octet-stream"

TicketT = TypeVar("TicketT", bound=UploadTicket)
AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True)
class PushedAsset:
    """The asset that now has the file's content; ``sent`` is False if it had it before."""

    asset: Asset
    sent: bool


async def all_assets(control_plane: ControlPlane, project_id: str) -> list[Asset]:
    """Every asset of the project, newest first."""
    assets: list[Asset] = []
    while True:
        page = await control_plane.list_assets(project_id, Page(limit=PAGE_ROWS, offset=len(assets)))
        assets += page.assets
        if not page.assets or len(assets) >= page.total:
            return assets


async def push_asset(
    control_plane: ControlPlane,
    transfers: Transfers,
    project_id: str,
    path: Path,
    *,
    known: Iterable[Asset],
    on_bytes: OnBytes | None = None,
) -> PushedAsset:
    """Upload the file unless one of the ``known`` assets has the same bytes. Large files go by a resumable session.

    A push that was interrupted leaves a pending asset; the next one of the same file completes that asset.
    """
    checksums = await asyncio.to_thread(checksum_file, path)
    same = next((asset for asset in known if _same_bytes(asset, checksums)), None)
    if same is not None:
        return PushedAsset(same, sent=False)
    request = AssetUploadRequest(
        filename=path.name,
        content_type=content_type_of(path),
        size_bytes=checksums.size_bytes,
        crc32c=checksums.crc32c,
        resumable=checksums.size_bytes > RESUMABLE_BYTES,
    )
    key = hashlib.sha256(f"{checksums.sha256} {request.model_dump_json()}".encode()).hexdigest()
    complete = CompleteAsset(size_bytes=checksums.size_bytes, crc32c=checksums.crc32c, sha256=checksums.sha256)

    async def finish(ticket: AssetUploadTicket) -> AssetAnswer:
        return await control_plane.complete_asset(project_id, ticket.asset_id, complete)

    get_ticket = partial(control_plane.create_asset_upload, project_id, request, idempotency_key=key)
    answer = await send_file(transfers, path, get_ticket=get_ticket, finish=finish, on_bytes=on_bytes)
    return PushedAsset(answer.asset, sent=True)


async def send_file(
    transfers: Transfers,
    path: Path,
    *,
    get_ticket: Callable[[], Awaitable[TicketT]],
    finish: Callable[[TicketT], Awaitable[AnswerT]],
    on_bytes: OnBytes | None = None,
) -> AnswerT:
    """The answer to ``finish``, which lets the server look at the object. Each step is tried for a person's patience.

    Raises TicketExpired or UploadRejected after ``MAX_TICKETS`` uploads from the start.
    """
    for tries_left in reversed(range(MAX_TICKETS)):
        ticket = await retrying(get_ticket, within_seconds=PATIENCE_SECONDS)
        try:
            await transfers.upload(path, ticket, on_bytes=on_bytes, within_seconds=PATIENCE_SECONDS)
            return await retrying(partial(finish, ticket), within_seconds=PATIENCE_SECONDS)
        except (TicketExpired, UploadRejected):
            if tries_left == 0:
                raise
    raise AssertionError("the loop returns or raises")


def content_type_of(path: Path) -> str:
    """The media type by the file's name."""
    return mimetypes.guess_type(path.name)[0] or OTHER_CONTENT_TYPE


def _same_bytes(asset: Asset, checksums: Checksums) -> bool:
    if asset.status is not AssetStatus.READY or asset.size_bytes != checksums.size_bytes:
        return False
    return checksums.sha256 == asset.sha256 if asset.sha256 else checksums.crc32c == asset.crc32c
