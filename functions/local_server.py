"""All functions on one port: what a deployment is to the cloud, on one machine. Called by ``serve``.

HTTP endpoints answer through the same entry as a deployed function; what Eventarc and Cloud Scheduler would do, the
event pump does in two threads.
"""

import logging
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from time import monotonic

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from functions import catalog
from functions.errors import ControlPlaneError
from functions.ports import Delivery
from functions.problems import problem_response
from functions.routing import RouteTable
from functions.trigger import EventFunction
from functions.wiring import LocalParts

logger = logging.getLogger(__name__)

RECEIVE_SECONDS = 1.0
"""Also how long a stop may take."""
RECEIVE_LIMIT = 10
SWEEP_SECONDS = 3600.0
ALL_METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]


def build_app(parts: LocalParts, *, schedule_seconds: float) -> Starlette:
    """The application: every endpoint of the catalogue, ``/healthz``, and the routes of the local object store."""
    services = parts.services
    table = RouteTable(catalog.endpoints())

    async def dispatch(request: Request) -> Response:
        try:
            spec, path_values = table.match(request.method, request.scope["path"])
        except ControlPlaneError as error:
            return problem_response(error, uuid.uuid4().hex)
        return await spec.respond(request, path_values, services)

    async def healthz(_: Request) -> Response:
        return JSONResponse({"ok": True})

    pump = EventPump(parts, catalog.event_functions(), schedule_seconds=schedule_seconds)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        pump.start()
        try:
            yield
        finally:
            pump.stop()

    everything = [
        Route("/healthz", healthz, methods=["GET"]),
        *parts.routes,
        Route("/{path:path}", dispatch, methods=ALL_METHODS),
    ]
    return Starlette(routes=everything, lifespan=lifespan)


class EventPump:
    """Delivers messages to event functions and runs scheduled ones, each in a thread of its own."""

    def __init__(self, parts: LocalParts, functions: Sequence[EventFunction], *, schedule_seconds: float) -> None:
        self._services = parts.services
        self._queue = parts.queue
        self._sweep = parts.sweep
        self._sweep_due_at = monotonic()
        self._listeners = {function.topic: function for function in functions if function.topic is not None}
        self._scheduled = [function for function in functions if function.schedule is not None]
        self._schedule_seconds = schedule_seconds
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._guarded(self._deliver), name="event-delivery", daemon=True),
            threading.Thread(target=self._guarded(self._tick), name="event-schedule", daemon=True),
        ]

    def start(self) -> None:
        """Begin to deliver."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End after the events in hand; messages that were not acked come again at the next start."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=RECEIVE_SECONDS + 1)

    def _guarded(self, step: Callable[[], None]) -> Callable[[], None]:
        def loop() -> None:
            while not self._stopping.is_set():
                try:
                    step()
                except Exception:
                    logger.exception("Event delivery failed", extra={"event": "event_pump_failed"})
                    self._stopping.wait(1.0)

        return loop

    def _deliver(self) -> None:
        for delivery in self._queue.receive(wait_seconds=RECEIVE_SECONDS, limit=RECEIVE_LIMIT):
            self._handle(delivery)

    def _handle(self, delivery: Delivery) -> None:
        function = self._listeners.get(delivery.topic)
        if function is None:
            self._queue.ack(delivery)
            return
        try:
            function.run(delivery.data, self._services)
        except Exception:
            logger.exception("%s failed", function.name, extra={"event": "event_failed", "topic": delivery.topic})
            self._queue.nack(delivery)
        else:
            self._queue.ack(delivery)

    def _tick(self) -> None:
        started = monotonic()
        for function in self._scheduled:
            self._attempt(function.name, partial(function.run, "", self._services))
        if started >= self._sweep_due_at:
            self._sweep_due_at = started + SWEEP_SECONDS
            self._attempt("sweep", self._sweep)
        self._stopping.wait(max(0.0, self._schedule_seconds - (monotonic() - started)))

    def _attempt(self, name: str, task: Callable[[], None]) -> None:
        # One that fails must not keep the others from running; it comes again with the next tick.
        try:
            task()
        except Exception:
            logger.exception("%s failed", name, extra={"event": "event_failed"})
