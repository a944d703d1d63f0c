"""The stand-in as an HTTP server on 127.0.0.1: routing, faults, and the thread it runs in.

Tests use `GcsStandin` in their own process; ``python -m tests.support.gcs_standin`` runs it alone.
"""

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Self
from urllib.parse import unquote

import uvicorn
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .errors import StorageError
from .faults import CutLine, Fault, FaultPlan
from .json_api import JsonApi
from .notifications import Notifier
from .requests import json_body
from .resumable import Sessions
from .service import Service
from .store import ObjectStore
from .uploads import UploadApi
from .xml_api import XmlApi

_START_SECONDS = 30.0


def _utc_now() -> datetime:
    return datetime.now(UTC)


class _CuttableProtocol(HttpToolsProtocol):
    """Hands the connection to the application, which faults hang up."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"]["transport"] = self.transport


class _Application:
    """The ASGI application: records, applies faults, routes, renders errors in the API's own words."""

    def __init__(self, service: Service, sessions: Sessions, faults: FaultPlan) -> None:
        self._faults = faults
        self._json = JsonApi(service)
        self._uploads = UploadApi(service, sessions)
        self._xml = XmlApi(service, sessions, self._uploads)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["raw_path"].decode("ascii")
        if path.startswith("/_standin/"):
            response = await self._control(Request(scope, receive), path)
            await response(scope, receive, send)
            return
        record = self._faults.record(scope["method"], path, scope["query_string"].decode("ascii"))

        async def send_recorded(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
            await send(message)

        fault = self._faults.take(scope["method"], path)
        if fault is None:
            await self._serve(scope, receive, send_recorded)
            return
        await asyncio.sleep(fault.delay_seconds)
        line = CutLine(fault, scope, receive, send_recorded)
        if fault.status:
            error = StorageError("InternalError", "Planted by a test.", status=fault.status)
            await _render(error, path)(scope, line.receive, line.send)
        else:
            await self._serve(scope, line.receive, line.send)
        await line.settle()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            try:
                response = await self._route(request)
            except StorageError as error:
                response = _render(error, scope["raw_path"].decode("ascii"))
            await response(scope, receive, send)
        except ClientDisconnect:
            return  # whatever was staged is discarded; there is nobody to answer

    async def _route(self, request: Request) -> Response:
        try:
            segments = [unquote(part, errors="strict") for part in request.scope["raw_path"].decode().split("/")[1:]]
        except UnicodeDecodeError:
            raise StorageError("InvalidArgument", "The path is not UTF-8.") from None
        match segments:
            case ["storage", "v1", *rest] | ["download", "storage", "v1", *rest]:
                return await self._json.handle(request, rest)
            case ["upload", "storage", "v1", "b", bucket, "o"]:
                return await self._uploads.handle(request, bucket)
        return await self._xml.handle(request)

    async def _control(self, request: Request, path: str) -> Response:
        match (request.method, path):
            case ("POST", "/_standin/faults"):
                try:
                    self._faults.add(Fault(**await json_body(request)))
                except (TypeError, StorageError) as error:
                    return JSONResponse({"error": str(error)}, 400)
                return Response(status_code=204)
            case ("DELETE", "/_standin/faults"):
                self._faults.clear()
                return Response(status_code=204)
            case ("GET", "/_standin/requests"):
                return JSONResponse([asdict(each) for each in self._faults.requests()])
        return JSONResponse({"error": f"no {request.method} {path}"}, 404)


def _render(error: StorageError, path: str) -> Response:
    json_paths = ("/storage/v1/", "/download/storage/v1/", "/upload/storage/v1/")
    return error.as_json() if path.startswith(json_paths) else error.as_xml()


class GcsStandin:
    """A strict Cloud Storage on a free port of 127.0.0.1, for as long as the context lasts.

    Point Google's client at it with ``STORAGE_EMULATOR_HOST=standin.url``; sign URLs with
    ``api_access_endpoint=standin.url`` and the key whose public half is given here.
    """

    def __init__(
        self,
        data: Path,
        public_key: rsa.RSAPublicKey,
        *,
        port: int = 0,
        notify_topic: str | None = None,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._data = data
        self._public_key = public_key
        self._wanted_port = port
        self._notify_topic = notify_topic
        self._clock = clock
        self._open = ExitStack()
        self._faults = FaultPlan()

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            store = opening.enter_context(ObjectStore(self._data, self._clock))
            notifier = Notifier(self._notify_topic) if self._notify_topic else None
            if notifier:
                opening.callback(notifier.close)
            service = Service(store, self._public_key, self._clock, notifier)
            sessions = Sessions(service)
            opening.callback(sessions.close)
            listener = opening.enter_context(socket.create_server(("127.0.0.1", self._wanted_port)))
            self.port: int = listener.getsockname()[1]
            opening.callback(_run(_Application(service, sessions, self._faults), listener))
            self._open = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def faults(self) -> FaultPlan:
        """Plant faults and read what was requested."""
        return self._faults


class _Server(uvicorn.Server):
    """A server that tells when it accepts connections, or that it never will."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.settled = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self.settled.set()


def _run(application: ASGIApp, listener: socket.socket) -> Callable[[], None]:
    """Serve in a thread; returns, once connections are accepted, what stops it."""
    config = uvicorn.Config(
        application,
        http=_CuttableProtocol,
        ws="none",
        lifespan="off",
        log_level="warning",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
        server_header=False,
    )
    server = _Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), name="gcs-standin", daemon=True)
    thread.start()

    def stop() -> None:
        server.should_exit = True
        thread.join()

    server.settled.wait(_START_SECONDS)
    if not server.started:
        stop()
        message = "the Cloud Storage stand-in did not start"
        raise RuntimeError(message)
    return stop
