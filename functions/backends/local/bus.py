"""``MessageBus`` and ``DeliveryQueue`` in SQLite; ``wiring`` builds it, the local server pulls from it."""

import json
import logging
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from functions.backends.local.database import Database
from functions.errors import Unavailable
from functions.ports import Bell, Clock, Delivery
from schemas.events import Topic
from schemas.workers import PollSubscription, Subscription

logger = logging.getLogger(__name__)

ACK_SECONDS = 60
"""A message whose consumer has neither acked nor nacked by then is delivered again."""
MAX_ATTEMPTS = 5
_FIRST_RETRY_SECONDS = 1
_LONGEST_RETRY_SECONDS = 600
_RETENTION_SECONDS = 7 * 86400
"""As in Pub/Sub; after that even a dead letter that nobody takes is given up."""
_LOOK_SECONDS = 1.0
"""A waiting consumer looks this often, for messages that fall due and those of other processes."""

_SCHEMA = (
    """
    CREATE TABLE IF NOT EXISTS messages (
        message INTEGER PRIMARY KEY AUTOINCREMENT,
        topic TEXT NOT NULL,
        data TEXT NOT NULL,
        attributes TEXT NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        published_at REAL NOT NULL,
        due_at REAL NOT NULL
    )
    """,
    "CREATE INDEX IF NOT EXISTS messages_by_due_at ON messages (due_at, message)",
)


class _Bell:
    """An event that a ring leaves set, so that one between ``listen`` and ``wait`` is heard."""

    def __init__(self, hung_up: threading.Event) -> None:
        self._rung = threading.Event()
        self._hung_up = hung_up

    def ring(self) -> None:
        self._rung.set()

    def wait(self, timeout_seconds: float) -> bool:
        rung = self._rung.wait(timeout_seconds)
        if rung:
            # Cleared before the caller looks: a ring from now on is either seen by that look or heard next time.
            self._rung.clear()
        if self._hung_up.is_set():
            raise Unavailable("The control plane is stopping.", retry_after_seconds=1)
        return rung


class SqliteMessageBus:
    """Doorbells wake listeners of this process and are not kept: a desk that was not listening asks the store.

    Everything else is a row until it is acked. Times are ``clock``'s.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._bells: defaultdict[str, set[_Bell]] = defaultdict(set)
        self._bells_lock = threading.Lock()
        self._hung_up = threading.Event()
        self._published = threading.Condition()
        self._publications = 0
        with database.writing() as connection:
            for statement in _SCHEMA:
                connection.execute(statement)

    def publish(self, topic: Topic, data: str, attributes: Mapping[str, str]) -> None:
        if topic is Topic.DOORBELLS:
            self._ring(attributes["pool"])
            return
        now = self._now()
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO messages (topic, data, attributes, published_at, due_at) VALUES (?, ?, ?, ?, ?)",
                (topic.value, data, json.dumps(dict(attributes)), now, now),
            )
        with self._published:
            self._publications += 1
            self._published.notify_all()

    @contextmanager
    def listen(self, pool: str) -> Iterator[Bell]:
        bell = _Bell(self._hung_up)
        with self._bells_lock:
            self._bells[pool].add(bell)
        try:
            yield bell
        finally:
            with self._bells_lock:
                self._bells[pool].discard(bell)
                if not self._bells[pool]:
                    del self._bells[pool]

    def subscribe_worker(self, worker_id: str, pool: str) -> Subscription:  # noqa: ARG002 - desks poll
        return PollSubscription()

    def unsubscribe_worker(self, worker_id: str) -> None:
        """Nothing was kept for the worker."""

    def hang_up(self) -> None:
        self._hung_up.set()
        with self._bells_lock:
            waiting = [bell for pool in self._bells.values() for bell in pool]
        for bell in waiting:
            bell.ring()

    def receive(self, *, wait_seconds: float, limit: int) -> list[Delivery]:
        deadline = time.monotonic() + wait_seconds
        while True:
            seen = self._publications
            deliveries = self._take(limit)
            remaining_seconds = deadline - time.monotonic()
            if deliveries or remaining_seconds <= 0:
                return deliveries
            with self._published:
                self._published.wait_for(
                    lambda seen=seen: self._publications != seen,  # type: ignore[misc]
                    timeout=min(remaining_seconds, _LOOK_SECONDS),
                )

    def ack(self, delivery: Delivery) -> None:
        message, _ = delivery.handle.split(":")
        with self._database.writing() as connection:
            connection.execute("DELETE FROM messages WHERE message = ?", (message,))

    def nack(self, delivery: Delivery) -> None:
        message, attempt = map(int, delivery.handle.split(":"))
        with self._database.writing() as connection:
            current = connection.execute("SELECT attempts FROM messages WHERE message = ?", (message,)).fetchone()
            if current != (attempt,):
                return  # the lease ran out, and the message is with somebody else or done
            if attempt >= MAX_ATTEMPTS and delivery.topic is not Topic.DEAD_LETTERS:
                self._bury(connection, message)
                return
            delay_seconds = min(_FIRST_RETRY_SECONDS * 2.0 ** (attempt - 1), _LONGEST_RETRY_SECONDS)
            due_at = self._now() + delay_seconds
            connection.execute("UPDATE messages SET due_at = ? WHERE message = ?", (due_at, message))

    def _take(self, limit: int) -> list[Delivery]:
        """Lease up to ``limit`` messages that are due."""
        now = self._now()
        due = (
            "SELECT message, topic, data, attributes, attempts FROM messages WHERE due_at <= ? ORDER BY due_at, message"
        )
        with self._database.reading() as connection:
            if connection.execute(f"{due} LIMIT 1", (now,)).fetchone() is None:
                return []
        deliveries = []
        with self._database.writing() as connection:
            connection.execute("DELETE FROM messages WHERE published_at < ?", (now - _RETENTION_SECONDS,))
            for message, topic, data, attributes, attempts in connection.execute(
                f"{due} LIMIT ?", (now, limit)
            ).fetchall():
                if attempts >= MAX_ATTEMPTS and topic != Topic.DEAD_LETTERS.value:
                    self._bury(connection, message)
                    continue
                connection.execute(
                    "UPDATE messages SET attempts = ?, due_at = ? WHERE message = ?",
                    (attempts + 1, now + ACK_SECONDS, message),
                )
                deliveries.append(
                    Delivery(
                        topic=Topic(topic),
                        data=data,
                        attributes=json.loads(attributes),
                        delivery_attempt=attempts + 1,
                        handle=f"{message}:{attempts + 1}",
                    )
                )
        return deliveries

    def _bury(self, connection: sqlite3.Connection, message: int) -> None:
        """Move a message to the dead letters, with the attributes that Pub/Sub would add."""
        row = connection.execute("SELECT topic, attributes, attempts FROM messages WHERE message = ?", (message,))
        topic, attributes, attempts = row.fetchone()
        told = json.loads(attributes) | {
            "CloudPubSubDeadLetterSourceSubscription": f"deskrun-{topic}-local",
            "CloudPubSubDeadLetterSourceDeliveryCount": str(attempts),
        }
        connection.execute(
            "UPDATE messages SET topic = ?, attributes = ?, attempts = 0, due_at = ? WHERE message = ?",
            (Topic.DEAD_LETTERS.value, json.dumps(told), self._now(), message),
        )
        logger.warning("Given up after %d attempts", attempts, extra={"event": "dead_letter", "topic": topic})

    def _ring(self, pool: str) -> None:
        with self._bells_lock:
            bells = list(self._bells.get(pool, ()))
        for bell in bells:
            bell.ring()

    def _now(self) -> float:
        return self._clock().timestamp()
