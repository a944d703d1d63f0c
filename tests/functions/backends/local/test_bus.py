"""What the local bus promises beyond the contract: leases, retries, restarts, and doorbells by pool."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from functions.backends.local.bus import ACK_SECONDS, SqliteMessageBus
from functions.backends.local.database import Database
from schemas.events import Topic
from tests.support.clock import MovableClock


@pytest.fixture
def bus(database: Database, clock: MovableClock) -> SqliteMessageBus:
    return SqliteMessageBus(database, clock)


def take(bus: SqliteMessageBus) -> list[int]:
    """Attempts of the messages that are due now."""
    return [delivery.delivery_attempt for delivery in bus.receive(wait_seconds=0, limit=10)]


def test_a_message_whose_consumer_was_killed_comes_again(bus: SqliteMessageBus, clock: MovableClock) -> None:
    bus.publish(Topic.PROJECT_DELETED, "x", {})
    assert take(bus) == [1]
    clock.offset += timedelta(seconds=ACK_SECONDS - 1)
    assert take(bus) == []
    clock.offset += timedelta(seconds=2)
    assert take(bus) == [2]


def test_a_message_that_kills_every_consumer_becomes_a_dead_letter(
    bus: SqliteMessageBus, clock: MovableClock, caplog: pytest.LogCaptureFixture
) -> None:
    bus.publish(Topic.PROJECT_DELETED, "x", {"kind": "poison"})
    for attempt in range(1, 6):
        assert take(bus) == [attempt]
        clock.offset += timedelta(seconds=ACK_SECONDS + 1)
    assert take(bus) == []
    (dead,) = bus.receive(wait_seconds=0, limit=10)
    assert (dead.topic, dead.data, dead.delivery_attempt) == (Topic.DEAD_LETTERS, "x", 1)
    assert dead.attributes["kind"] == "poison"
    assert [record.__dict__["event"] for record in caplog.records] == ["dead_letter"]


def test_dead_letters_are_delivered_until_somebody_takes_them_or_a_week_is_over(
    bus: SqliteMessageBus, clock: MovableClock
) -> None:
    bus.publish(Topic.DEAD_LETTERS, "x", {})
    for attempt in range(1, 9):
        (delivery,) = bus.receive(wait_seconds=0, limit=10)
        assert (delivery.topic, delivery.delivery_attempt) == (Topic.DEAD_LETTERS, attempt)
        bus.nack(delivery)
        clock.offset += timedelta(seconds=601)
    clock.offset += timedelta(days=7)
    assert take(bus) == []
    clock.offset -= timedelta(days=7)
    assert take(bus) == []


def test_retries_wait_longer_each_time(bus: SqliteMessageBus, clock: MovableClock) -> None:
    bus.publish(Topic.PROJECT_DELETED, "x", {})
    for delay_seconds in (1, 2, 4, 8):
        (delivery,) = bus.receive(wait_seconds=0, limit=1)
        bus.nack(delivery)
        clock.offset += timedelta(seconds=delay_seconds - 0.5)
        assert take(bus) == []
        clock.offset += timedelta(seconds=0.6)


def test_a_late_nack_does_not_disturb_the_next_consumer(bus: SqliteMessageBus, clock: MovableClock) -> None:
    bus.publish(Topic.PROJECT_DELETED, "x", {})
    (late,) = bus.receive(wait_seconds=0, limit=1)
    clock.offset += timedelta(seconds=ACK_SECONDS + 1)
    (current,) = bus.receive(wait_seconds=0, limit=1)
    bus.nack(late)
    clock.offset += timedelta(seconds=5)
    assert take(bus) == []
    bus.ack(current)
    bus.nack(current)
    clock.offset += timedelta(days=1)
    assert take(bus) == []


def test_a_late_ack_counts(bus: SqliteMessageBus, clock: MovableClock) -> None:
    bus.publish(Topic.PROJECT_DELETED, "x", {})
    (late,) = bus.receive(wait_seconds=0, limit=1)
    clock.offset += timedelta(seconds=ACK_SECONDS + 1)
    bus.ack(late)
    assert take(bus) == []


def test_messages_survive_a_restart(tmp_path: Path, clock: MovableClock) -> None:
    first = Database(tmp_path / "db")
    SqliteMessageBus(first, clock).publish(Topic.RENDER_DISPATCH, "x", {"a": "b"})
    first.close()
    second = Database(tmp_path / "db")
    (delivery,) = SqliteMessageBus(second, clock).receive(wait_seconds=0, limit=10)
    assert (delivery.topic, delivery.data, delivery.attributes) == (Topic.RENDER_DISPATCH, "x", {"a": "b"})
    second.close()


def test_a_message_of_another_process_is_seen(bus: SqliteMessageBus, tmp_path: Path, clock: MovableClock) -> None:
    elsewhere = Database(tmp_path / "deskrun.sqlite3")
    later = threading.Timer(0.2, SqliteMessageBus(elsewhere, clock).publish, (Topic.PROJECT_DELETED, "x", {}))
    later.start()
    assert len(bus.receive(wait_seconds=60, limit=1)) == 1
    later.join()
    elsewhere.close()


def test_doorbells_ring_for_their_pool_and_once(bus: SqliteMessageBus) -> None:
    with bus.listen("ann") as anns, bus.listen("ann") as anns_too, bus.listen("bob") as bobs:
        for _ in range(3):
            bus.publish(Topic.DOORBELLS, "ding", {"pool": "ann"})
        assert anns.wait(30)
        assert anns_too.wait(30)
        assert not bobs.wait(0)
        assert not anns.wait(0)
        bus.publish(Topic.DOORBELLS, "ding", {"pool": "ann"})
        assert anns.wait(30)


def test_a_bell_that_does_not_ring_times_out(bus: SqliteMessageBus) -> None:
    with bus.listen("ann") as bell:
        assert not bell.wait(0.05)


def test_nobody_who_left_is_kept(bus: SqliteMessageBus) -> None:
    bus.publish(Topic.DOORBELLS, "ding", {"pool": "nobody"})
    with bus.listen("ann"), bus.listen("ann"):
        pass
    assert not bus._bells
