"""An object was written: records what it is and, for media, what is in it. Woken by Cloud Storage.

It never makes an asset ready (that is the uploader's ``complete``), and a file that cannot be probed is no error. What
came after its asset, render or output was deleted, through a URL of before, is removed.
"""

import logging
import re

from functions.domain import outputs
from functions.domain.assets import ASSETS, AssetRecord, asset_id_of_object
from functions.domain.outputs import ISSUED_OUTPUTS, OUTPUTS
from functions.domain.renders import RENDERS
from functions.endpoint import Deployment
from functions.errors import NotFound
from functions.media_probe import probe
from functions.ports import DocumentStore, Services, Transaction
from functions.trigger import on_object
from schemas.assets import MediaProbe
from schemas.events import StorageObject

logger = logging.getLogger(__name__)

_OF_JOB = re.compile(r"[^/]+/(?:renders/.*_|manifests/)([0-9a-f-]{36})(?:_[0-9]+)?\.[a-z0-9]+")


@on_object(deployment=Deployment(memory_mb=1024, timeout_seconds=120, concurrency=1))
def on_object_finalized(message: StorageObject, services: Services) -> None:
    """Record size, crc32c and media facts of an asset's object; remove what belongs to nothing any more."""
    if _is_left_over(message.name, services.documents):
        services.objects.delete(message.name)
        logger.info("Nobody's any more: %s", message.name, extra={"event": "object_removed"})
        return
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


def _is_left_over(name: str, documents: DocumentStore) -> bool:
    """Whether no record knows the object. Records are written before anything that they name, so it had one."""
    owners = _owners(name)
    found = [documents.get(collection, doc_id) for collection, doc_id in owners]
    project_id = name.partition("/")[0]
    return bool(owners) and not any(document and document["project_id"] == project_id for document in found)


def _owners(name: str) -> list[tuple[str, str]]:
    """Collection and id of the records that an object may belong to; none for what is not a record's."""
    if asset_id := asset_id_of_object(name):
        return [(ASSETS, asset_id)]
    if of_job := _OF_JOB.fullmatch(name):
        return [(RENDERS, of_job.group(1))]
    if outputs.could_be_issued(name):
        return [(ISSUED_OUTPUTS, outputs.issued_id(name)), (OUTPUTS, outputs.video_id(name))]
    return []


def _media(message: StorageObject, services: Services) -> MediaProbe | None:
    if message.content_type.partition("/")[0] not in {"video", "audio", "image"}:
        return None
    try:
        with services.objects.open(message.name) as stream:
            return probe(stream)
    except NotFound:
        logger.info("Already gone: %s", message.name, extra={"event": "object_gone"})
        return None
