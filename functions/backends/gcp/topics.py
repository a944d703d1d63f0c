"""Names of topics and subscriptions, and the clients that reach them; `bus` and `delivery_queue` are the callers.

In the cloud Terraform makes the topics. The emulator starts empty, so the local server calls `ensure_topics` there.
"""

from datetime import timedelta

import grpc
from google.api_core import exceptions
from google.api_core.retry import Retry, if_exception_type
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import DeadLetterPolicy, RetryPolicy, Subscription

from functions.settings import Settings
from schemas.events import Topic

SERVICE = "Pub/Sub"
RPC_SECONDS = 10.0
RPC_RETRY = Retry(
    predicate=if_exception_type(
        exceptions.ServiceUnavailable, exceptions.InternalServerError, exceptions.Aborted, exceptions.Unknown
    ),
    initial=0.05,
    maximum=1.0,
    timeout=RPC_SECONDS,
)
"""For every call here: each may be repeated, and a message published twice is a doorbell rung twice."""

MAX_DELIVERY_ATTEMPTS = 5
"""The least that Pub/Sub takes, and what the port promises."""

EVENT_TOPICS = tuple(topic for topic in Topic if topic is not Topic.DOORBELLS)
"""Topics whose messages wake a function; doorbells are for desks."""

_ACK_SECONDS = 60


def publisher(settings: Settings) -> PublisherClient:
    """The generated client: the one on top of it gathers batches in threads, which a function must not leave behind."""
    if settings.pubsub_emulator_host:
        channel = grpc.insecure_channel(settings.pubsub_emulator_host)
        return PublisherClient(transport=PublisherGrpcTransport(channel=channel))
    return PublisherClient()


def subscriber(settings: Settings) -> SubscriberClient:
    """The generated client of subscriptions."""
    if settings.pubsub_emulator_host:
        channel = grpc.insecure_channel(
            settings.pubsub_emulator_host, options=[("grpc.max_receive_message_length", -1)]
        )
        return SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
    return SubscriberClient()


def topic_path(settings: Settings, topic: Topic) -> str:
    """The full name of a deployed topic."""
    return f"projects/{settings.gcp_project_id}/topics/deskrun-{topic}"


def subscription_path(settings: Settings, name: str) -> str:
    """The full name of a subscription."""
    return f"projects/{settings.gcp_project_id}/subscriptions/{name}"


def local_subscription_path(settings: Settings, topic: Topic) -> str:
    """The subscription from which the local server pulls what Eventarc pushes in the cloud."""
    return subscription_path(settings, f"deskrun-{topic}-local")


def ensure_topics(settings: Settings) -> None:
    """Make the topics, and the local server's subscriptions with their dead-letter policy, where they are missing."""
    topics = publisher(settings)
    for topic in Topic:
        try:
            topics.create_topic(name=topic_path(settings, topic), retry=RPC_RETRY, timeout=RPC_SECONDS)
        except exceptions.AlreadyExists:
            continue
    subscriptions = subscriber(settings)
    for topic in EVENT_TOPICS:
        try:
            subscriptions.create_subscription(
                _local_subscription(settings, topic), retry=RPC_RETRY, timeout=RPC_SECONDS
            )
        except exceptions.AlreadyExists:
            continue


def _local_subscription(settings: Settings, topic: Topic) -> Subscription:
    subscription = Subscription(
        name=local_subscription_path(settings, topic),
        topic=topic_path(settings, topic),
        ack_deadline_seconds=_ACK_SECONDS,
        retry_policy=RetryPolicy(minimum_backoff=timedelta(seconds=1), maximum_backoff=timedelta(seconds=60)),
    )
    if topic is not Topic.DEAD_LETTERS:
        subscription.dead_letter_policy = DeadLetterPolicy(
            dead_letter_topic=topic_path(settings, Topic.DEAD_LETTERS), max_delivery_attempts=MAX_DELIVERY_ATTEMPTS
        )
    return subscription
