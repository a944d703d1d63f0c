"""Files of this desk become assets of a project; what is there already is not sent again.

Used by ``deskrun assets push`` and ``deskrun demo``.
"""

import asyncio
import mimetypes
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from schemas.assets import Asset, AssetStatus, AssetUploadRequest, AssetUploadTicket, CompleteAsset
from schemas.message import Page
from worker.checksums import Checksums, checksum_file
from worker.control_plane import ControlPlane
from worker.errors import TicketExpired
from worker.retries import retrying
from worker.transfers import RESUMABLE_BYTES, OnBytes, Transfers

PATIENCE_SECONDS = 60.0
"""How long one step is tried again while a person waits."""
MAX_TICKETS = 3
PAGE_ROWS = 100

OTHER_CONTENT_TYPE = "application/octet-stream"


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
    """Upload the file unless one of the ``known`` assets has the same bytes. Large files go by a resumable session."""
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
    ticket = await _sent(control_plane, transfers, project_id, path, request=request, on_bytes=on_bytes)
    complete = CompleteAsset(size_bytes=checksums.size_bytes, crc32c=checksums.crc32c, sha256=checksums.sha256)
    answer = await retrying(
        lambda: control_plane.complete_asset(project_id, ticket.asset_id, complete), within_seconds=PATIENCE_SECONDS
    )
    return PushedAsset(answer.asset, sent=True)


async def _sent(
    control_plane: ControlPlane,
    transfers: Transfers,
    project_id: str,
    path: Path,
    *,
    request: AssetUploadRequest,
    on_bytes: OnBytes | None,
) -> AssetUploadTicket:
    for tries_left in reversed(range(MAX_TICKETS)):
        create = partial(control_plane.create_asset_upload, project_id, request, idempotency_key=str(uuid.uuid4()))
        ticket = await retrying(create, within_seconds=PATIENCE_SECONDS)
        try:
            await transfers.upload(path, ticket, on_bytes=on_bytes, within_seconds=PATIENCE_SECONDS)
        except TicketExpired:
            if tries_left == 0:
                raise
        else:
            return ticket
    raise AssertionError("the loop returns or raises")


def content_type_of(path: Path) -> str:
    """The media type by the file's name."""
    return mimetypes.guess_type(path.name)[0] or OTHER_CONTENT_TYPE


def _same_bytes(asset: Asset, checksums: Checksums) -> bool:
    if asset.status is not AssetStatus.READY or asset.size_bytes != checksums.size_bytes:
        return False
    return checksums.sha256 == asset.sha256 if asset.sha256 else checksums.crc32c == asset.crc32c
