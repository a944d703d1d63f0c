"""A real HTTP server that does what a test tells it: refuses, hangs, drips, cuts. It stands for servers gone wrong."""

import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.support.processes import wait_for

Handler = Callable[[Request], Awaitable[Response]]
METHODS = ["GET", "POST", "PUT", "DELETE"]


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class ScriptedServer:
    """Serves ``handler`` on a free port of loopback; every request is noted in ``seen`` before it is answered."""

    handler: Handler
    seen: list[Seen] = field(default_factory=list)
    url: str = ""

    def __enter__(self) -> Self:
        app = Starlette(routes=[Route("/{path:path}", self._answer, methods=METHODS)])
        config = uvicorn.Config(app, port=0, log_config=None, timeout_graceful_shutdown=0, lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        wait_for("the scripted server", lambda: self._server.started)
        self.url = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join()

    async def _answer(self, request: Request) -> Response:
        body = await request.body()
        self.seen.append(Seen(request.method, request.url.path, dict(request.headers), body))
        return await self.handler(request)
