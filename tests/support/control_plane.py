"""The whole control plane in the test's own process, over real HTTP, with a clock that tests move and users they name.

API tests, worker tests and system tests use it; ``tests/builders.py`` fills it with projects, timelines and renders.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import httpx
import jwt
import uvicorn

from functions import catalog, wiring
from functions.domain.renders import RENDERS, RenderRecord
from functions.local_server import build_app
from functions.ports import Delivery, DeliveryQueue, Document, RenderLauncher, Services, Where
from functions.settings import Settings
from tests.contract.loopback import free_socket
from tests.support.clock import MovableClock

JWT_SECRET = "a secret of at least thirty-two bytes, for tests only"
JWT_ISSUER = "https://issuer.test"
JWT_AUDIENCE = "deskrun"
DEV_API_TOKEN = "the-dev-token"

START_SECONDS = 30.0
NEVER_SECONDS = 86400.0
"""The schedule does not tick by itself: a test that needs it calls ``run``."""


def make_token(user_id: str, *, key: Any = JWT_SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    """A JWT as this control plane's issuer makes them; a claim given as None is left out."""
    now = datetime.now(UTC)
    usual = {"sub": user_id, "iss": JWT_ISSUER, "aud": JWT_AUDIENCE, "iat": now, "exp": now + timedelta(hours=1)}
    headers = claims.pop("headers", None)
    payload = {name: value for name, value in {**usual, **claims}.items() if value is not None}
    return jwt.encode(payload, key, algorithm=algorithm, headers=headers)


class LocalControlPlane:
    """A served control plane as a context manager. ``clock.offset`` moves its time; ``run`` wakes an event function."""

    def __init__(
        self, data_dir: Path, *, delivers: bool = True, launcher: RenderLauncher | None = None, **settings: Any
    ) -> None:
        """``delivers`` False leaves messages where they are; ``launcher`` replaces the backend's own."""
        self._stack = ExitStack()
        self._listener, self.url = self._stack.enter_context(free_socket())
        self.clock = MovableClock()
        given = {
            "data_dir": data_dir,
            "public_url": self.url,
            "jwt_algorithm": "HS256",
            "jwt_secret": JWT_SECRET,
            "jwt_issuer": JWT_ISSUER,
            "jwt_audience": JWT_AUDIENCE,
            "DEV_API_TOKEN": DEV_API_TOKEN,
            **settings,
        }
        self.settings = Settings.model_validate(given)
        parts = wiring.local_parts(self.settings, self.clock)
        self._stack.callback(parts.close)
        if launcher is not None:
            assert isinstance(parts.services, wiring.ServiceSet)
            parts = replace(parts, services=replace(parts.services, launcher=launcher))
        self.services: Services = parts.services
        """What handlers see; tests read the store through it."""
        self.queue: DeliveryQueue = parts.queue
        self._parts = parts if delivers else replace(parts, queue=_Silence())

    def __enter__(self) -> Self:
        app = build_app(self._parts, schedule_seconds=NEVER_SECONDS)
        config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1)
        server = _Server(config)
        # Uvicorn closes what it is given.
        thread = threading.Thread(target=server.run, args=([self._listener.dup()],), daemon=True)
        thread.start()
        self._stack.callback(thread.join, START_SECONDS)
        self._stack.callback(setattr, server, "should_exit", True)
        server.settled.wait(START_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def client(self, user_id: str | None = None, *, headers: Mapping[str, str] | None = None) -> httpx.Client:
        """A client with the user's token, or with ``headers`` only; close it, or let it go with the test."""
        own = {"Authorization": f"Bearer {make_token(user_id)}"} if user_id is not None else {}
        client = httpx.Client(base_url=self.url, headers={**own, **(headers or {})}, timeout=60, trust_env=False)
        self._stack.callback(client.close)
        return client

    def pass_seconds(self, seconds: float) -> None:
        """Let time pass on the server's clock."""
        self.clock.offset += timedelta(seconds=seconds)

    def run(self, function: str, data: str = "") -> None:
        """Wake an event function, as the schedule or a message would."""
        catalog.entry_point(function).event_function.run(data, self.services)  # type: ignore[attr-defined]

    def documents(self, collection: str, *where: Where) -> Sequence[Document]:
        """Stored documents, at most 500."""
        return self.services.documents.query(collection, *where, limit=500)

    def render(self, job_id: str) -> RenderRecord:
        """A render job as stored."""
        document = self.services.documents.get(RENDERS, job_id)
        assert document is not None
        return RenderRecord.load(document)


class _Silence:
    """A queue that never has anything, so that a test can deliver by hand."""

    def receive(self, *, wait_seconds: float, limit: int) -> list[Delivery]:  # noqa: ARG002 - the port's signature
        time.sleep(min(wait_seconds, 0.1))
        return []

    def ack(self, delivery: Delivery) -> None:
        raise AssertionError(f"never delivered: {delivery}")

    def nack(self, delivery: Delivery) -> None:
        raise AssertionError(f"never delivered: {delivery}")


def eventually(condition: Callable[[], object], *, seconds: float = 30) -> None:
    """Wait until ``condition`` holds; AssertionError when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.settled = threading.Event()

    async def startup(self, sockets: Any = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self.settled.set()
