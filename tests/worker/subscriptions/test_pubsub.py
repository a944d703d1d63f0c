"""Streaming pull against Google's emulator."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient

from schemas.events import Doorbell, DoorbellReason
from schemas.jobs import JobKind
from schemas.workers import CredentialsAnswer, PubSubSubscription
from worker.errors import Gone
from worker.heartbeat import Heartbeat
from worker.subscriptions import pubsub
from worker.subscriptions.pubsub import PubSubListener


@dataclass
class Post:
    """A topic with one subscription, and the pool it is for."""

    topic: str
    subscription: str
    publisher: PublisherClient
    pool: str = "user-1"
    rung: list[Doorbell] = field(default_factory=list)

    def ring(self, job_id: str, *, pool: str = "user-1") -> None:
        bell = Doorbell(reason=DoorbellReason.JOB_QUEUED, kind=JobKind.RENDER, project_id="p", job_id=job_id)
        self.send(bell.model_dump_json().encode(), pool=pool)

    def send(self, data: bytes, *, pool: str = "user-1") -> None:
        self.publisher.publish(self.topic, data, pool=pool).result(timeout=20)

    def heard(self, job_id: str) -> bool:
        return any(bell.job_id == job_id for bell in self.rung)


@pytest.fixture
def post(pubsub_emulator: str, gcp_project: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Post]:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", pubsub_emulator)
    monkeypatch.setattr(pubsub, "SHORTEST_STREAM_SECONDS", 0.1)
    monkeypatch.setattr(pubsub, "RING_SECONDS", 0.2)
    name = uuid.uuid4().hex
    topic = f"projects/{gcp_project}/topics/t{name}"
    subscription = f"projects/{gcp_project}/subscriptions/s{name}"
    publisher = PublisherClient()
    publisher.create_topic(request={"name": topic})
    with SubscriberClient() as subscriber:
        subscriber.create_subscription(request={"name": subscription, "topic": topic, "ack_deadline_seconds": 10})
    yield Post(topic, subscription, publisher)
    publisher.stop()
    publisher.transport.close()


async def no_credentials() -> CredentialsAnswer:
    raise AssertionError("the emulator needs none")


async def quiet_beat(_: float) -> bool:
    return False


def listen(post: Post, script: Callable[[PubSubListener], Awaitable[None]]) -> None:
    """Run ``script`` beside a listening desk; an error of either ends the test."""

    async def main() -> None:
        listener = PubSubListener(
            PubSubSubscription(subscription=post.subscription, pool=post.pool),
            heartbeat_seconds=1,
            ring=post.rung.append,
            get_credentials=no_credentials,
        )
        listening = asyncio.ensure_future(listener.listen(Heartbeat(quiet_beat)))
        running = asyncio.ensure_future(script(listener))
        try:
            await asyncio.wait({listening, running}, timeout=60, return_when=asyncio.FIRST_COMPLETED)
            if listening.done():
                listening.result()
            assert running.done(), "the script waits for something that does not happen"
            running.result()
        finally:
            for task in (listening, running):
                task.cancel()
            await asyncio.gather(listening, running, return_exceptions=True)

    asyncio.run(main())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what it waits for sets no event
        await asyncio.sleep(0.01)


def test_a_doorbell_rings_whatever_came_before_it(post: Post, caplog: pytest.LogCaptureFixture) -> None:
    async def script(_: PubSubListener) -> None:
        await asyncio.to_thread(post.send, b"\xff not a doorbell")
        await asyncio.to_thread(post.send, b'{"reason": "job_queued", "kind": "of the future"}')
        await asyncio.to_thread(post.ring, "foreign", pool="user-2")
        await asyncio.to_thread(post.ring, "mine")
        await until(lambda: post.heard("mine"))
        await until(lambda: sum(getattr(r, "event", "") == "doorbell_dropped" for r in caplog.records) == 3)

    listen(post, script)
    assert [bell.job_id for bell in post.rung] == ["mine"]


def test_every_message_is_acknowledged_at_once(post: Post) -> None:
    async def script(_: PubSubListener) -> None:
        await asyncio.to_thread(post.send, b"garbage")
        await asyncio.to_thread(post.ring, "first")
        await until(lambda: post.heard("first"))

    listen(post, script)

    async def listen_again(_: PubSubListener) -> None:
        await asyncio.to_thread(post.ring, "last")
        await until(lambda: post.heard("last"))

    listen(post, listen_again)
    assert [bell.job_id for bell in post.rung] == ["first", "last"]


def test_a_stream_that_missed_a_job_is_replaced(post: Post, caplog: pytest.LogCaptureFixture) -> None:
    def events(name: str) -> int:
        return sum(getattr(record, "event", "") == name for record in caplog.records)

    async def script(listener: PubSubListener) -> None:
        await asyncio.to_thread(post.ring, "heard")
        await until(lambda: post.heard("heard"))
        listener.offered(["heard"])
        await asyncio.sleep(1)
        assert events("subscription_broken") == 0
        listener.offered(["never-rang"])
        await until(lambda: events("subscription_started") == 2)
        assert events("subscription_broken") == 1

    caplog.set_level("INFO")
    listen(post, script)


def test_an_old_stream_is_replaced(
    post: Post, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pubsub, "LONGEST_STREAM_SECONDS", 0.2)

    async def script(_: PubSubListener) -> None:
        await until(lambda: [getattr(r, "event", "") for r in caplog.records].count("subscription_started") == 3)

    caplog.set_level("INFO")
    listen(post, script)


def test_a_subscription_that_does_not_exist_means_registering_again(post: Post) -> None:
    async def script(_: PubSubListener) -> None:
        def delete() -> None:
            with SubscriberClient() as subscriber:
                subscriber.delete_subscription(request={"subscription": post.subscription})

        await asyncio.to_thread(post.ring, "first")
        await until(lambda: post.heard("first"))
        await asyncio.to_thread(delete)
        await asyncio.sleep(60)

    with pytest.raises(Gone, match="does not exist"):
        listen(post, script)


def test_tokens_come_from_the_control_plane_as_they_run_out() -> None:
    asked = 0

    async def mint() -> CredentialsAnswer:
        nonlocal asked
        asked += 1
        return CredentialsAnswer(access_token=f"token-{asked}", expires_in=600, subscription="s")

    async def main() -> None:
        listener = PubSubListener(
            PubSubSubscription(subscription="s", pool="u"),
            heartbeat_seconds=1,
            ring=lambda _: None,
            get_credentials=mint,
        )
        credentials = listener._credentials()
        for expected in ("token-1", "token-2"):
            await asyncio.to_thread(credentials.refresh, None)
            assert credentials.token == expected
        assert credentials.expiry is not None
        left = credentials.expiry - datetime.now(UTC).replace(tzinfo=None)
        assert 500 < left.total_seconds() <= 600

    asyncio.run(main())
