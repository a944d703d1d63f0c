"""The message bus on Pub/Sub: publishing, and one filtered subscription per desk."""

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

from google.api_core import exceptions
from google.pubsub_v1.types import ExpirationPolicy, PublishRequest, PubsubMessage
from google.pubsub_v1.types import Subscription as PubSubResource

from functions.backends.gcp.failures import unavailable_as_ours
from functions.backends.gcp.topics import (
    RPC_RETRY,
    RPC_SECONDS,
    SERVICE,
    publisher,
    subscriber,
    subscription_path,
    topic_path,
)
from functions.errors import Unavailable
from functions.ports import Bell
from functions.settings import Settings
from schemas.events import Topic
from schemas.workers import PollSubscription, PubSubSubscription, Subscription

MAX_FILTER_BYTES = 256
"""https://cloud.google.com/pubsub/docs/subscription-message-filter"""

_ACK_SECONDS = 10
"""Desks ack before they work, so a bell that was not acked is a desk that died: ring again soon."""
_RETENTION = timedelta(minutes=10)
"""The least that Pub/Sub takes; heartbeats tell a desk that slept longer."""
_EXPIRY = timedelta(days=7)
"""A desk unheard of for a week loses its subscription; it asks for a new one when it registers again."""
_LOOK_AGAIN_SECONDS = 1.0
_WORKER_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def pool_filter(pool: str) -> str | None:
    """The subscription filter that lets through a pool's doorbells and no other; None when it would be too long."""
    literal = pool.replace("\\", "\\\\").replace('"', '\\"')
    text = f'attributes.pool = "{literal}"'
    return text if len(text.encode()) <= MAX_FILTER_BYTES else None


class _LookAgain:
    """A bell for who has no line to the exchange: it sends its owner to look at the store every second."""

    def __init__(self, hung_up: threading.Event) -> None:
        self._hung_up = hung_up

    def wait(self, timeout_seconds: float) -> bool:
        """Sleep at most a second; a doorbell may have rung."""
        if self._hung_up.wait(max(0.0, min(timeout_seconds, _LOOK_AGAIN_SECONDS))):
            raise Unavailable("The control plane is stopping.", retry_after_seconds=1)
        return True


class PubSubMessageBus:
    """Publishes to ``deskrun-*`` topics and keeps one subscription ``deskrun-worker-*`` per desk."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._publisher = publisher(settings)
        self._subscriber = subscriber(settings)
        self._hung_up = threading.Event()

    def publish(self, topic: Topic, data: str, attributes: Mapping[str, str]) -> None:
        """Hand over one message; returns once Pub/Sub has it, since a function has no time after its answer."""
        path = topic_path(self._settings, topic)
        request = PublishRequest(topic=path, messages=[PubsubMessage(data=data.encode(), attributes=dict(attributes))])
        with unavailable_as_ours(SERVICE, exceptions.Aborted):
            try:
                self._publisher.publish(request, retry=RPC_RETRY, timeout=RPC_SECONDS)
            except exceptions.NotFound as error:
                raise _no_topic(path) from error

    @contextmanager
    def listen(self, pool: str) -> Iterator[Bell]:  # noqa: ARG002 - the port's; here every pool looks again
        """A bell that rings every second: a function cannot hold a subscription for the length of one request."""
        yield _LookAgain(self._hung_up)

    def subscribe_worker(self, worker_id: str, pool: str) -> Subscription:
        """Make sure the desk's subscription exists with the filter of ``pool``; a filter cannot be changed.

        A desk polls where it could not get a token for its subscription, and where Pub/Sub would refuse its pool's
        filter as too long.
        """
        text = pool_filter(pool)
        can_pull = self._settings.worker_service_account or self._settings.pubsub_emulator_host
        if text is None or not can_pull:
            return PollSubscription()
        wanted = PubSubResource(
            name=self._worker_subscription(worker_id),
            topic=topic_path(self._settings, Topic.DOORBELLS),
            filter=text,
            ack_deadline_seconds=_ACK_SECONDS,
            message_retention_duration=_RETENTION,
            expiration_policy=ExpirationPolicy(ttl=_EXPIRY),
        )
        with unavailable_as_ours(SERVICE, exceptions.Aborted):
            if not self._create(wanted) and not self._is_as_wanted(wanted):
                self.unsubscribe_worker(worker_id)
                self._create(wanted)
        return PubSubSubscription(subscription=wanted.name, pool=pool)

    def unsubscribe_worker(self, worker_id: str) -> None:
        """Delete the desk's subscription if it is there."""
        with unavailable_as_ours(SERVICE, exceptions.Aborted):
            try:
                self._subscriber.delete_subscription(
                    subscription=self._worker_subscription(worker_id), retry=RPC_RETRY, timeout=RPC_SECONDS
                )
            except exceptions.NotFound:
                return

    def hang_up(self) -> None:
        """End every wait, now and later."""
        self._hung_up.set()

    def _create(self, wanted: PubSubResource) -> bool:
        try:
            self._subscriber.create_subscription(wanted, retry=RPC_RETRY, timeout=RPC_SECONDS)
        except exceptions.AlreadyExists:
            return False
        except exceptions.NotFound as error:
            raise _no_topic(wanted.topic) from error
        return True

    def _is_as_wanted(self, wanted: PubSubResource) -> bool:
        try:
            found = self._subscriber.get_subscription(subscription=wanted.name, retry=RPC_RETRY, timeout=RPC_SECONDS)
        except exceptions.NotFound:
            return False
        return found.filter == wanted.filter and found.topic == wanted.topic

    def _worker_subscription(self, worker_id: str) -> str:
        if not _WORKER_ID.fullmatch(worker_id):
            raise ValueError(f"not a worker id: {worker_id!r}")
        return subscription_path(self._settings, f"deskrun-worker-{worker_id}")


def _no_topic(path: str) -> Unavailable:
    return Unavailable(
        f"The topic {path} does not exist.",
        hint="Terraform makes the topics; on the emulator the local server does when it starts.",
    )
