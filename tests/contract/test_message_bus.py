"""What every ``MessageBus`` and ``DeliveryQueue`` does."""

import threading
import time

import pytest

from functions.errors import Unavailable
from functions.ports import Delivery
from schemas.events import Topic
from tests.contract.conftest import Messaging

PATIENCE_SECONDS = 60.0


def next_delivery(messaging: Messaging) -> Delivery:
    """The next message; time passes until it is due."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        deliveries = messaging.queue.receive(wait_seconds=0.5, limit=1)
        if deliveries:
            return deliveries[0]
        messaging.pass_seconds(1.0)
    pytest.fail("no message came")


def test_a_message_arrives_as_it_was_published(messaging: Messaging) -> None:
    messaging.bus.publish(Topic.PROJECT_DELETED, '{"text": "grün"}', {"kind": "x", "who": "Ünal"})
    delivery = next_delivery(messaging)
    assert delivery.topic is Topic.PROJECT_DELETED
    assert delivery.data == '{"text": "grün"}'
    assert delivery.attributes == {"kind": "x", "who": "Ünal"}
    assert delivery.delivery_attempt == 1


def test_an_acked_message_does_not_come_again(messaging: Messaging) -> None:
    messaging.bus.publish(Topic.PROJECT_DELETED, "1", {})
    messaging.queue.ack(next_delivery(messaging))
    messaging.pass_seconds(3.0)
    assert messaging.queue.receive(wait_seconds=1.0, limit=10) == []


def test_a_nacked_message_comes_again(messaging: Messaging) -> None:
    messaging.bus.publish(Topic.RENDER_DISPATCH, "1", {"a": "b"})
    messaging.queue.nack(next_delivery(messaging))
    again = next_delivery(messaging)
    assert (again.topic, again.data, again.attributes) == (Topic.RENDER_DISPATCH, "1", {"a": "b"})
    assert again.delivery_attempt == 2
    messaging.queue.ack(again)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_after_five_attempts_a_message_is_a_dead_letter(messaging: Messaging) -> None:
    messaging.bus.publish(Topic.PROJECT_DELETED, "poison", {"kind": "x"})
    attempts = []
    while (delivery := next_delivery(messaging)).topic is Topic.PROJECT_DELETED:
        attempts.append(delivery.delivery_attempt)
        messaging.queue.nack(delivery)
    assert attempts == [1, 2, 3, 4, 5]
    assert delivery.topic is Topic.DEAD_LETTERS
    assert delivery.data == "poison"
    assert delivery.attributes["kind"] == "x"
    assert delivery.attributes["CloudPubSubDeadLetterSourceSubscription"] == "deskrun-project-deleted-local"
    assert delivery.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"
    messaging.queue.ack(delivery)
    messaging.pass_seconds(3.0)
    assert messaging.queue.receive(wait_seconds=1.0, limit=10) == []


def test_every_message_arrives_and_limits_hold(messaging: Messaging) -> None:
    for number in range(7):
        messaging.bus.publish(Topic.PROJECT_DELETED, str(number), {})
    seen: set[str] = set()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(seen) < 7 and time.monotonic() < deadline:
        deliveries = messaging.queue.receive(wait_seconds=5.0, limit=3)
        assert len(deliveries) <= 3
        for delivery in deliveries:
            seen.add(delivery.data)
            messaging.queue.ack(delivery)
    assert seen == set("0123456")


def test_receive_waits_for_the_first_message(messaging: Messaging) -> None:
    later = threading.Timer(0.3, messaging.bus.publish, (Topic.PROJECT_DELETED, "late", {}))
    later.start()
    deliveries = messaging.queue.receive(wait_seconds=PATIENCE_SECONDS, limit=1)
    later.join()
    assert [delivery.data for delivery in deliveries] == ["late"]


def test_doorbells_are_for_desks_only(messaging: Messaging) -> None:
    messaging.bus.publish(Topic.DOORBELLS, "ding", {"pool": "ann", "reason": "job_queued"})
    assert messaging.queue.receive(wait_seconds=1.0, limit=10) == []


def test_hanging_up_ends_every_wait_now_and_later(messaging: Messaging) -> None:
    ended: list[type[Exception]] = []

    def wait_long() -> None:
        with messaging.bus.listen("ann") as bell:
            while True:
                try:
                    bell.wait(PATIENCE_SECONDS)
                except Unavailable as error:
                    ended.append(type(error))
                    return

    waiting = threading.Thread(target=wait_long)
    waiting.start()
    messaging.bus.hang_up()
    waiting.join(timeout=PATIENCE_SECONDS / 2)
    assert ended == [Unavailable]
    with messaging.bus.listen("bob") as bell, pytest.raises(Unavailable):
        bell.wait(0)


def test_a_ring_between_listen_and_wait_is_heard(messaging: Messaging) -> None:
    with messaging.bus.listen("ann") as bell:
        messaging.bus.publish(Topic.DOORBELLS, "ding", {"pool": "ann"})
        assert bell.wait(PATIENCE_SECONDS)


def test_a_ring_ends_the_wait(messaging: Messaging) -> None:
    with messaging.bus.listen("ann") as bell:
        ringing = threading.Timer(0.3, messaging.bus.publish, (Topic.DOORBELLS, "ding", {"pool": "ann"}))
        ringing.start()
        assert bell.wait(PATIENCE_SECONDS)
        ringing.join()


def test_waiting_no_time_returns(messaging: Messaging) -> None:
    with messaging.bus.listen("ann") as bell:
        bell.wait(0)


@pytest.mark.parametrize("pool", ["ann", 'a" OR attributes.x != "\\', "ünal@example.org", "x" * 300])
def test_subscribing_and_unsubscribing_can_be_repeated(messaging: Messaging, pool: str) -> None:
    first = messaging.bus.subscribe_worker("worker-1", pool)
    assert messaging.bus.subscribe_worker("worker-1", pool) == first
    messaging.bus.subscribe_worker("worker-1", "somebody-else")
    messaging.bus.unsubscribe_worker("worker-1")
    messaging.bus.unsubscribe_worker("worker-1")
