"""Event messages as the local server pulls them from Google's Pub/Sub emulator."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from functions.backends.gcp import objects
from functions.backends.gcp.bus import PubSubMessageBus
from functions.backends.gcp.delivery_queue import PubSubDeliveryQueue
from functions.backends.gcp.topics import MAX_DELIVERY_ATTEMPTS, ensure_topics, topic_path
from functions.errors import Unavailable
from functions.ports import Delivery
from functions.settings import Settings
from schemas.events import StorageObject, Topic
from tests.functions.backends.gcp.conftest import GcpSettings
from tests.support.gcs_standin import GcsStandin
from tests.support.signer import SigningKey


def receive_one(queue: PubSubDeliveryQueue) -> Delivery:
    [delivery] = queue.receive(wait_seconds=60, limit=1)
    return delivery


def test_messages_of_all_event_topics_arrive_once_when_acked(
    bus: PubSubMessageBus, delivery_queue: PubSubDeliveryQueue
) -> None:
    bus.publish(Topic.RENDER_DISPATCH, "eins", {"a": "1"})
    bus.publish(Topic.PROJECT_DELETED, "zwei", {})
    bus.publish(Topic.DOORBELLS, "for desks", {"pool": "user-1"})

    got = [receive_one(delivery_queue), receive_one(delivery_queue)]
    for delivery in got:
        delivery_queue.ack(delivery)

    assert {(each.topic, each.data) for each in got} == {
        (Topic.RENDER_DISPATCH, "eins"),
        (Topic.PROJECT_DELETED, "zwei"),
    }
    assert {each.delivery_attempt for each in got} == {1}
    assert delivery_queue.receive(wait_seconds=0.5, limit=5) == []


def test_what_arrives_while_nobody_asks_is_there_at_the_next_call(
    bus: PubSubMessageBus, delivery_queue: PubSubDeliveryQueue
) -> None:
    assert delivery_queue.receive(wait_seconds=0.1, limit=5) == []
    bus.publish(Topic.RENDER_DISPATCH, "meanwhile", {})

    assert receive_one(delivery_queue).data == "meanwhile"


def test_more_than_the_limit_is_kept_for_later(bus: PubSubMessageBus, delivery_queue: PubSubDeliveryQueue) -> None:
    texts = {f"message {number}" for number in range(3)}
    for text in texts:
        bus.publish(Topic.RENDER_DISPATCH, text, {})

    assert {receive_one(delivery_queue).data for _ in texts} == texts


def test_a_message_nobody_can_handle_ends_with_the_dead_letters(
    bus: PubSubMessageBus, delivery_queue: PubSubDeliveryQueue, gcp_project: str
) -> None:
    bus.publish(Topic.RENDER_DISPATCH, "poison", {"a": "1"})

    attempts = []
    while (delivery := receive_one(delivery_queue)).topic is Topic.RENDER_DISPATCH:
        attempts.append(delivery.delivery_attempt)
        delivery_queue.nack(delivery)

    assert attempts == list(range(1, MAX_DELIVERY_ATTEMPTS + 1))
    assert (delivery.topic, delivery.data, delivery.delivery_attempt) == (Topic.DEAD_LETTERS, "poison", 1)
    assert delivery.attributes["a"] == "1"
    assert delivery.attributes["CloudPubSubDeadLetterSourceSubscription"] == "deskrun-render-dispatch-local"


def test_without_its_subscriptions_the_queue_says_which_is_missing(
    gcp_settings: GcpSettings, pubsub_emulator: str
) -> None:
    queue = PubSubDeliveryQueue(gcp_settings(PUBSUB_EMULATOR_HOST=pubsub_emulator))

    with pytest.raises(Unavailable, match="-local"):
        queue.receive(wait_seconds=60, limit=1)

    queue.close()


def test_making_the_topics_again_keeps_what_waits_in_them(
    bus: PubSubMessageBus, delivery_queue: PubSubDeliveryQueue, pubsub_settings: Settings
) -> None:
    bus.publish(Topic.RENDER_DISPATCH, "waiting", {})

    ensure_topics(pubsub_settings)

    assert receive_one(delivery_queue).data == "waiting"


@pytest.fixture
def announcing_standin(
    tmp_path: Path,
    signing_key: SigningKey,
    pubsub_settings: Settings,
    pubsub_emulator: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[GcsStandin]:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", pubsub_emulator)
    topic = topic_path(pubsub_settings, Topic.OBJECT_FINALIZED)
    with GcsStandin(tmp_path / "announcing", signing_key.public_key, notify_topic=topic) as standin:
        yield standin


def test_an_upload_to_the_storage_stand_in_arrives_as_an_object_event(
    announcing_standin: GcsStandin, delivery_queue: PubSubDeliveryQueue, gcp_settings: GcpSettings, tmp_path: Path
) -> None:
    settings = gcp_settings(STORAGE_EMULATOR_HOST=announcing_standin.url)
    objects.ensure_bucket(settings)
    source = tmp_path / "source"
    source.write_bytes(b"bytes")

    with source.open("rb") as data:
        info = objects.GcsObjectStore(settings).write("p-1/assets/a", data, content_type="video/mp4")

    delivery = receive_one(delivery_queue)
    event = StorageObject.model_validate_json(delivery.data)
    assert delivery.topic is Topic.OBJECT_FINALIZED
    assert (event.bucket, event.name, event.size, event.crc32c) == (settings.gcs_bucket, info.name, 5, info.crc32c)
