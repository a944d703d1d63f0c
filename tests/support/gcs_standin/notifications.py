"""Publishes OBJECT_FINALIZE messages as Cloud Storage notifications do; `service` calls it after each upload.

Attributes and payload: https://cloud.google.com/storage/docs/pubsub-notifications. Publishing has a thread
of its own, so that a slow or absent Pub/Sub neither delays nor fails an upload.
"""

import json
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from .objects import StoredObject

_PUBLISH_SECONDS = 10.0
_log = logging.getLogger(__name__)


class Notifier:
    """Publishes to one topic (``projects/P/topics/T``) of the emulator at ``PUBSUB_EMULATOR_HOST``."""

    def __init__(self, topic: str) -> None:
        if "PUBSUB_EMULATOR_HOST" not in os.environ:  # noqa: TID251 - the variable Google's client reads
            message = "notifications need PUBSUB_EMULATOR_HOST: the stand-in never talks to Google"
            raise ValueError(message)
        self._topic = topic
        self._publish, self._close_channel = _publisher()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="gcs-standin-notifier")

    def finalized(self, stored: StoredObject, replaced: StoredObject | None) -> None:
        """Queue the message of a finished upload; in order, and without waiting."""
        resource = stored.resource()
        attributes = {
            "notificationConfig": f"projects/_/buckets/{stored.bucket}/notificationConfigs/1",
            "eventType": "OBJECT_FINALIZE",
            "payloadFormat": "JSON_API_V1",
            "bucketId": stored.bucket,
            "objectId": stored.name,
            "objectGeneration": str(stored.generation),
            "eventTime": resource["updated"],
        }
        if replaced:
            attributes["overwroteGeneration"] = str(replaced.generation)
        self._thread.submit(self._deliver, {"data": json.dumps(resource).encode(), "attributes": attributes})

    def close(self) -> None:
        """Deliver what is queued, each message within its time limit, then hang up."""
        self._thread.shutdown()
        self._close_channel()

    def _deliver(self, message: dict[str, Any]) -> None:
        try:
            self._publish(topic=self._topic, messages=[message], retry=None, timeout=_PUBLISH_SECONDS)
        except Exception:  # noqa: BLE001 - the thread's outer loop
            # Cloud Storage retries for days; here a lost notification is one of the faults a test may want.
            _log.exception("notification for %s was not published", message["attributes"]["objectId"])


def _publisher() -> tuple[Callable[..., object], Callable[[], None]]:
    """The bare publish call of a client on the emulator, and what closes it."""
    # Imported here: gRPC costs 40 MB, and most runs have no topic.
    from google.cloud.pubsub_v1 import PublisherClient  # noqa: PLC0415
    from google.pubsub_v1 import PublisherClient as PublisherRpc  # noqa: PLC0415

    client = PublisherClient()
    # The client's own publish batches, retries for ten minutes and hides the outcome in a future.
    return partial(PublisherRpc.publish, client), client.transport.close
