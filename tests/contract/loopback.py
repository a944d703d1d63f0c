"""A real uvicorn on loopback for as long as a block lasts; tests that need HTTP in their own process use it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

START_SECONDS = 30.0


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.settled = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self.settled.set()


@contextmanager
def free_socket() -> Iterator[tuple[socket.socket, str]]:
    """A listening socket and its URL, to be told to an application before it is served."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def serving(app: ASGIApp, listener: socket.socket) -> Iterator[None]:
    """Serve ``app`` from a thread. The socket stays open afterwards, as for a restart."""
    config = uvicorn.Config(
        app, ws="none", lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=1
    )
    server = _Server(config)
    # Uvicorn closes what it is given.
    thread = threading.Thread(target=server.run, args=([listener.dup()],), daemon=True)
    thread.start()
    server.settled.wait(START_SECONDS)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(START_SECONDS)
