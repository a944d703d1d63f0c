"""Listening by Pub/Sub streaming pull, under supervision: the client library hides lost networks and dead streams.

Used by the daemon where the server says so. Messages are doorbells, so each is acknowledged as soon as it was looked
at; whatever is missed costs one heartbeat. The reasons for each setting are measured facts of the client library.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import Any

from google.api_core.exceptions import GoogleAPICallError, NotFound
from google.auth.exceptions import GoogleAuthError
from google.cloud.pubsub_v1 import SubscriberClient
from google.cloud.pubsub_v1.subscriber.futures import StreamingPullFuture
from google.cloud.pubsub_v1.subscriber.message import Message
from google.cloud.pubsub_v1.types import FlowControl
from google.oauth2.credentials import Credentials
from pydantic import ValidationError

from schemas.events import Doorbell
from schemas.workers import CredentialsAnswer, PubSubSubscription
from worker import logs
from worker.errors import Gone
from worker.heartbeat import Heartbeat
from worker.logs import Event
from worker.subscriptions.interface import Ring

LONGEST_STREAM_SECONDS = 3600.0
"""Streams that live for days have gone silent, and grown, in other people's daemons."""
SHORTEST_STREAM_SECONDS = 10.0
"""Streams are not opened more often than this, whatever ends them."""
RING_SECONDS = 10.0
"""A doorbell may be this much later than the heartbeat that offers the same job."""
TOKEN_SECONDS = 30.0
CLOSE_SECONDS = 5.0

# An int: with a float the stream's first request fails inside gRPC, and nothing is ever delivered or raised.
_FLOW = FlowControl(max_messages=100, max_duration_per_lease_extension=10)

GetCredentials = Callable[[], Awaitable[CredentialsAnswer]]


class PubSubListener:
    """A supervised stream beside a steady heartbeat."""

    def __init__(
        self,
        subscription: PubSubSubscription,
        *,
        heartbeat_seconds: float,
        ring: Ring,
        get_credentials: GetCredentials,
    ) -> None:
        self._path = subscription.subscription
        self._pool = subscription.pool
        self._heartbeat_seconds = heartbeat_seconds
        self._ring = ring
        self._get_credentials = get_credentials
        self._loop = asyncio.get_running_loop()
        self._heard: deque[str] = deque(maxlen=1000)
        self._silent = asyncio.Event()

    async def listen(self, heartbeat: Heartbeat) -> None:
        """Beat every ``heartbeat_seconds`` and keep a stream open. Raises Gone when the subscription does not exist."""
        beats = asyncio.ensure_future(heartbeat.run(wait_seconds=0, pause_seconds=self._heartbeat_seconds))
        streams = asyncio.ensure_future(self._keep_streaming())
        try:
            done, _ = await asyncio.wait({beats, streams}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (beats, streams):
                task.cancel()
            await asyncio.gather(beats, streams, return_exceptions=True)

    def offered(self, job_ids: Collection[str]) -> None:
        """A job that waits and does not ring is the one sign of a silent stream that there is."""
        if not set(job_ids) <= set(self._heard):
            self._loop.call_later(RING_SECONDS, self._check_rung, frozenset(job_ids))

    def _check_rung(self, job_ids: frozenset[str]) -> None:
        if not job_ids <= set(self._heard):
            self._silent.set()

    async def _keep_streaming(self) -> None:
        while True:
            started = self._loop.time()
            reason = await self._stream()
            logs.warning(Event.SUBSCRIPTION_BROKEN, reason=reason)
            await asyncio.sleep(max(0.0, started + SHORTEST_STREAM_SECONDS - self._loop.time()))

    async def _stream(self) -> str:
        """Open one stream and watch it; why it is over."""
        client = await asyncio.to_thread(SubscriberClient, credentials=self._credentials())
        ended = asyncio.Event()
        self._silent.clear()
        stream = client.subscribe(
            self._path, callback=self._on_message, flow_control=_FLOW, await_callbacks_on_shutdown=True
        )
        stream.add_done_callback(lambda _: self._in_loop(ended.set))
        logs.info(Event.SUBSCRIPTION_STARTED, subscription=self._path)
        try:
            return await self._watch(stream, ended)
        finally:
            stream.cancel()
            await asyncio.to_thread(_close, client, stream)

    async def _watch(self, stream: StreamingPullFuture, ended: asyncio.Event) -> str:
        waits = [asyncio.ensure_future(event.wait()) for event in (ended, self._silent)]
        try:
            await asyncio.wait(waits, timeout=LONGEST_STREAM_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if self._silent.is_set():
            return "a job waits that never rang"
        if not ended.is_set():
            return "it is old enough"
        try:
            stream.result(timeout=0)
        except NotFound as error:
            await asyncio.sleep(SHORTEST_STREAM_SECONDS)
            raise Gone(f"the subscription {self._path} does not exist") from error
        except (GoogleAPICallError, GoogleAuthError) as error:
            return f"{type(error).__name__}: {error}"
        return "it ended"

    def _credentials(self) -> Credentials:
        """Short-lived tokens from the control plane, asked for by the library whenever it needs one.

        With ``PUBSUB_EMULATOR_HOST`` the library replaces them by anonymous ones.
        """

        def refresh(_request: Any, scopes: Any) -> tuple[str, datetime]:  # noqa: ARG001 - called with scopes=
            answer = asyncio.run_coroutine_threadsafe(self._fetch_credentials(), self._loop).result(TOKEN_SECONDS)
            # google-auth compares with a naive UTC time.
            return answer.access_token, datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=answer.expires_in)

        return Credentials(token=None, refresh_handler=refresh)

    async def _fetch_credentials(self) -> CredentialsAnswer:
        return await self._get_credentials()

    def _on_message(self, message: Message) -> None:
        """In a thread of the library: look, acknowledge, hand over. What raised would be delivered again."""
        message.ack()
        try:
            doorbell = Doorbell.model_validate_json(message.data)
        except ValidationError:
            logs.warning(Event.DOORBELL_DROPPED, reason="it is not a doorbell of this version")
            return
        if message.attributes.get("pool") != self._pool:  # filters are ignored by older emulators
            logs.warning(Event.DOORBELL_DROPPED, reason="it is for another pool", job_id=doorbell.job_id)
            return
        self._in_loop(self._hear, doorbell)

    def _hear(self, doorbell: Doorbell) -> None:
        self._heard.append(doorbell.job_id)
        self._ring(doorbell)

    def _in_loop(self, callback: Callable[..., object], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the daemon has ended
            self._loop.call_soon_threadsafe(callback, *arguments)


def _close(client: SubscriberClient, stream: StreamingPullFuture) -> None:
    """Wait for the stream's callbacks, but never for long: this has hung for days in other people's daemons."""
    with contextlib.suppress(Exception):
        stream.result(timeout=CLOSE_SECONDS)
    client.close()
