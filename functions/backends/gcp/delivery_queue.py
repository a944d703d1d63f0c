"""Pulls event messages from Pub/Sub for the local server, which stands for Eventarc on the emulators."""

import queue
import time
from collections import deque
from typing import Any

import grpc
from google.pubsub_v1.types import PullRequest, ReceivedMessage

from functions.backends.gcp.failures import unavailable_as_ours
from functions.backends.gcp.topics import (
    EVENT_TOPICS,
    RPC_RETRY,
    RPC_SECONDS,
    SERVICE,
    local_subscription_path,
    subscriber,
)
from functions.errors import Unavailable
from functions.ports import Delivery
from functions.settings import Settings
from schemas.events import Topic

_PULL_SECONDS = 30.0
_NOT_YET = {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}


class PubSubDeliveryQueue:
    """Synchronous pulls of all event topics at once. `receive` has one caller; acks may come from any thread.

    A pull that is broken off loses its messages until their deadline, so pulls stay open between calls and what they
    bring waits for the next one. `topics.ensure_topics` must have run.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = subscriber(settings)
        # Typed as blocking calls only; each also starts a call and lets it run.
        self._transport: Any = self._client.transport
        self._open: dict[Topic, grpc.Future] = {}
        self._answered: queue.SimpleQueue[Topic] = queue.SimpleQueue()
        self._waiting: deque[Delivery] = deque()

    def receive(self, *, wait_seconds: float, limit: int) -> list[Delivery]:
        """At most ``limit`` messages; waits for the first one."""
        give_up_at = time.monotonic() + wait_seconds
        while not self._waiting:
            for topic in EVENT_TOPICS:
                if topic not in self._open:
                    self._pull(topic, limit)
            try:
                answered = self._answered.get(timeout=max(0.0, give_up_at - time.monotonic()))
            except queue.Empty:
                break
            self._take(answered)
        return [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]

    def ack(self, delivery: Delivery) -> None:
        """Done with it."""
        with unavailable_as_ours(SERVICE):
            self._client.acknowledge(
                subscription=local_subscription_path(self._settings, delivery.topic),
                ack_ids=[delivery.handle],
                retry=RPC_RETRY,
                timeout=RPC_SECONDS,
            )

    def nack(self, delivery: Delivery) -> None:
        """Deliver it again after the subscription's back-off; after five attempts it goes to the dead letters."""
        with unavailable_as_ours(SERVICE):
            self._client.modify_ack_deadline(
                subscription=local_subscription_path(self._settings, delivery.topic),
                ack_ids=[delivery.handle],
                ack_deadline_seconds=0,
                retry=RPC_RETRY,
                timeout=RPC_SECONDS,
            )

    def close(self) -> None:
        """Break off the open pulls and close the connection."""
        for pull in self._open.values():
            pull.cancel()
        self._transport.close()

    def _pull(self, topic: Topic, limit: int) -> None:
        request = PullRequest(subscription=local_subscription_path(self._settings, topic), max_messages=limit)
        pull = self._transport.pull.future(request, timeout=_PULL_SECONDS)
        self._open[topic] = pull
        pull.add_done_callback(lambda _: self._answered.put(topic))

    def _take(self, topic: Topic) -> None:
        pull = self._open.pop(topic)
        error = pull.exception()
        if error is None:
            self._waiting.extend(_delivery(topic, message) for message in pull.result().received_messages)
        elif error.code() not in _NOT_YET:
            raise Unavailable(
                f"Pub/Sub does not let {local_subscription_path(self._settings, topic)} be pulled: {error.details()}"
            ) from error


def _delivery(topic: Topic, received: ReceivedMessage) -> Delivery:
    return Delivery(
        topic=topic,
        data=received.message.data.decode(),
        attributes=dict(received.message.attributes),
        delivery_attempt=max(1, received.delivery_attempt),  # zero where there is no dead-letter policy
        handle=received.ack_id,
    )
