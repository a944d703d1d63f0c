"""Serves the local application with uvicorn. Called by ``python -m functions serve``."""

import json
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from pydantic import ValidationError

from functions import logs, wiring
from functions.local_server import build_app
from functions.settings import Settings

SCHEDULE_SECONDS = 60.0
DRAIN_SECONDS = 10
ANY_ADDRESS = {"", "0.0.0.0", "::"}  # noqa: S104 - recognised, not listened on


def serve(*, host: str, port: int, data_dir: Path | None, public_url: str | None) -> int:
    """Serve until a signal comes; the exit code. Prints one JSON line with the URL once requests are answered."""
    try:
        listener = socket.create_server((host, port), backlog=512)
    except OSError as error:
        sys.stderr.write(f"Cannot listen on {host}:{port}: {error.strerror}. Choose another --port, or 0 for any.\n")
        return 1
    if public_url is None and host in ANY_ADDRESS:
        sys.stderr.write(
            f"{host} is no address that others could use: say --public-url http://<name or address>:{port}\n"
        )
        return 2
    url = public_url or f"http://{host}:{listener.getsockname()[1]}"
    try:
        settings = _settings(url, data_dir)
    except ValidationError as error:
        for found in error.errors():
            sys.stderr.write(f"Settings: {found['msg']}\n")
        return 2
    logs.configure(settings.log_format)
    parts = wiring.local_parts(settings)
    # Sweeping more often than a lease lasts would find nothing; less often than a minute would break the promise.
    schedule_seconds = min(SCHEDULE_SECONDS, settings.lease_seconds / 2)
    app = build_app(parts, schedule_seconds=schedule_seconds)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, timeout_graceful_shutdown=DRAIN_SECONDS, server_header=False
    )
    server = _Server(config, url, hang_up=parts.services.bus.hang_up)
    try:
        server.run(sockets=[listener])
    finally:
        parts.close()
    return 0


def _settings(url: str, data_dir: Path | None) -> Settings:
    given: dict[str, object] = {"public_url": url}
    if data_dir is not None:
        given["data_dir"] = data_dir
    return Settings(**given)  # type: ignore[arg-type]


class _Server(uvicorn.Server):
    """Tells on standard output when it is ready, and at its end does not wait for desks that wait for a doorbell."""

    def __init__(self, config: uvicorn.Config, url: str, *, hang_up: Callable[[], None]) -> None:
        super().__init__(config)
        self._url = url
        self._hang_up = hang_up

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            sys.stdout.write(json.dumps({"event": "ready", "url": self._url}) + "\n")
            sys.stdout.flush()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Uvicorn's own would raise the signal again at the end, and we would die of it instead of cleaning up."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._hang_up()
        await super().shutdown(sockets)
