"""An object was written: records what it is and, for media, what is in it. Woken by Cloud Storage.

It never makes an asset ready (that is the uploader's ``complete``), and a file that cannot be probed is no error.
"""

import logging

from functions.domain.assets import ASSETS, AssetRecord, asset_id_of_object
from functions.endpoint import Deployment
from functions.errors import NotFound
from functions.media_probe import probe
from functions.ports import Services, Transaction
from functions.trigger import on_object
from schemas.assets import MediaProbe
from schemas.events import StorageObject

logger = logging.getLogger(__name__)


@on_object(deployment=Deployment(memory_mb=1024, timeout_seconds=120, concurrency=1))
def on_object_finalized(message: StorageObject, services: Services) -> None:
    """Record size, crc32c and media facts of an asset's object."""
    asset_id = asset_id_of_object(message.name)
    document = services.documents.get(ASSETS, asset_id) if asset_id else None
    if asset_id is None or document is None or document["object_name"] != message.name:
        return
    media = _media(message, services)

    def record(tx: Transaction) -> None:
        current = tx.get(ASSETS, asset_id)
        if current is not None:
            asset = AssetRecord.load(current)
            seen = asset.changed(size_bytes=message.size, crc32c=message.crc32c, media=media or asset.media)
            tx.put(ASSETS, asset_id, seen.dump())

    services.documents.transaction(record)


def _media(message: StorageObject, services: Services) -> MediaProbe | None:
    if message.content_type.partition("/")[0] not in {"video", "audio", "image"}:
        return None
    try:
        with services.objects.open(message.name) as stream:
            return probe(stream)
    except NotFound:
        logger.info("Already gone: %s", message.name, extra={"event": "object_gone"})
        return None
