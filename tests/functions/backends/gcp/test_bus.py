"""Desks' subscriptions and publishing on Google's Pub/Sub emulator.

The emulator of this age ignores filters, so what is tested is that the right one is set, not that it works.
"""

import pytest
from google.api_core.exceptions import NotFound
from google.pubsub_v1.types import Subscription

from functions.backends.gcp.bus import PubSubMessageBus, pool_filter
from functions.backends.gcp.topics import subscriber
from functions.errors import Unavailable
from functions.settings import Settings
from schemas.events import Topic
from schemas.workers import PollSubscription, PubSubSubscription
from tests.functions.backends.gcp.conftest import GcpSettings


def stored(settings: Settings, name: str) -> Subscription:
    return subscriber(settings).get_subscription(subscription=name)


def subscribe(bus: PubSubMessageBus, pool: str) -> str:
    subscription = bus.subscribe_worker("w-1", pool)
    assert isinstance(subscription, PubSubSubscription)
    assert subscription.pool == pool
    return subscription.subscription


@pytest.mark.parametrize(
    ("pool", "text"),
    [
        ("user-1", 'attributes.pool = "user-1"'),
        ('x" OR attributes.pool != "', 'attributes.pool = "x\\" OR attributes.pool != \\""'),
        ('x\\" OR attributes:pool', 'attributes.pool = "x\\\\\\" OR attributes:pool"'),
        ("jürgen", 'attributes.pool = "jürgen"'),
    ],
)
def test_a_pool_cannot_say_more_than_its_name_in_the_filter(pool: str, text: str) -> None:
    assert pool_filter(pool) == text


def test_a_pool_too_long_for_a_filter_polls(bus: PubSubMessageBus) -> None:
    assert pool_filter("ü" * 118) is not None
    assert bus.subscribe_worker("w-1", "ü" * 119) == PollSubscription()


def test_a_desk_gets_a_subscription_that_forgets_soon_and_ends_with_it(
    bus: PubSubMessageBus, pubsub_settings: Settings, gcp_project: str
) -> None:
    name = subscribe(bus, "user-1")

    found = stored(pubsub_settings, name)
    assert name == f"projects/{gcp_project}/subscriptions/deskrun-worker-w-1"
    assert found.topic == f"projects/{gcp_project}/topics/deskrun-doorbells"
    assert found.filter == 'attributes.pool = "user-1"'
    assert found.ack_deadline_seconds == 10
    assert found.message_retention_duration.total_seconds() == 600
    assert found.expiration_policy.ttl.days == 7


def test_registering_again_keeps_the_subscription_and_what_waits_in_it(
    bus: PubSubMessageBus, pubsub_settings: Settings
) -> None:
    name = subscribe(bus, "user-1")
    bus.publish(Topic.DOORBELLS, "täglich", {"pool": "user-1"})

    assert subscribe(bus, "user-1") == name

    [received] = subscriber(pubsub_settings).pull(subscription=name, max_messages=5, timeout=30).received_messages
    assert received.message.data.decode() == "täglich"
    assert dict(received.message.attributes) == {"pool": "user-1"}


def test_another_owner_gets_another_filter_and_nothing_that_waited(
    bus: PubSubMessageBus, pubsub_settings: Settings
) -> None:
    name = subscribe(bus, "user-1")
    bus.publish(Topic.DOORBELLS, "before", {"pool": "user-1"})

    subscribe(bus, "user-2")
    bus.publish(Topic.DOORBELLS, "after", {"pool": "user-2"})

    assert stored(pubsub_settings, name).filter == 'attributes.pool = "user-2"'
    received = subscriber(pubsub_settings).pull(subscription=name, max_messages=5, timeout=30).received_messages
    assert [each.message.data for each in received] == [b"after"]


def test_leaving_twice_is_no_error(bus: PubSubMessageBus, pubsub_settings: Settings) -> None:
    name = subscribe(bus, "user-1")

    bus.unsubscribe_worker("w-1")
    bus.unsubscribe_worker("w-1")

    with pytest.raises(NotFound):
        stored(pubsub_settings, name)


@pytest.mark.parametrize("worker_id", ["", "a/b", "../topics/x", "a" * 65, "w\n"])
def test_a_worker_id_that_is_none_never_reaches_a_resource_name(bus: PubSubMessageBus, worker_id: str) -> None:
    with pytest.raises(ValueError, match="not a worker id"):
        bus.subscribe_worker(worker_id, "user-1")
    with pytest.raises(ValueError, match="not a worker id"):
        bus.unsubscribe_worker(worker_id)


def test_a_missing_topic_says_who_makes_it(gcp_settings: GcpSettings, pubsub_emulator: str) -> None:
    bare = PubSubMessageBus(gcp_settings(PUBSUB_EMULATOR_HOST=pubsub_emulator))

    with pytest.raises(Unavailable) as published:
        bare.publish(Topic.DOORBELLS, "x", {})
    with pytest.raises(Unavailable) as subscribed:
        bare.subscribe_worker("w-1", "user-1")

    assert "Terraform" in (published.value.hint or "")
    assert "deskrun-doorbells" in subscribed.value.detail


def test_a_listener_is_sent_to_look_before_its_time_is_up(bus: PubSubMessageBus) -> None:
    with bus.listen("user-1") as bell:
        assert bell.wait(0.01)
        assert bell.wait(-1)
