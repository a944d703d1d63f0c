"""Faults a test plants and the record of requests; `server` wraps every request in `FaultPlan.apply`."""

import asyncio
import threading
from collections import deque
from dataclasses import dataclass

from starlette.types import Message, Receive, Scope, Send

_REQUESTS_KEPT = 1000


@dataclass
class Fault:
    """What happens to the next ``times`` requests with this method and path prefix (both as sent).

    In order: wait ``delay_seconds``; answer ``status`` at once; hang up once that many bytes of the request's
    body arrived; hang up once that many bytes of the answer's body left (0: work done, answer lost).
    """

    method: str = "*"
    path_prefix: str = "/"
    times: int = 1
    delay_seconds: float = 0.0
    status: int | None = None
    cut_request_after_bytes: int | None = None
    cut_response_after_bytes: int | None = None

    def matches(self, method: str, path: str) -> bool:
        return self.times > 0 and self.method in ("*", method) and path.startswith(self.path_prefix)


@dataclass
class RecordedRequest:
    """One request as it came in; ``status`` stays None while it is unanswered or when the line was cut."""

    method: str
    path: str
    query: str
    status: int | None = None


class FaultPlan:
    """The planted faults, oldest first, and the last requests. Tests use it from other threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._requests: deque[RecordedRequest] = deque(maxlen=_REQUESTS_KEPT)

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def requests(self) -> list[RecordedRequest]:
        """The last requests, oldest first."""
        with self._lock:
            return list(self._requests)

    def record(self, method: str, path: str, query: str) -> RecordedRequest:
        request = RecordedRequest(method, path, query)
        with self._lock:
            self._requests.append(request)
        return request

    def take(self, method: str, path: str) -> Fault | None:
        """The first fault that matches, used up once."""
        with self._lock:
            fault = next((fault for fault in self._faults if fault.matches(method, path)), None)
            if fault:
                fault.times -= 1
            return fault


class CutLine:
    """An ASGI connection that counts body bytes both ways and hangs up where the fault says."""

    def __init__(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        self._transport: asyncio.Transport = scope["state"]["transport"]
        self._receive = receive
        self._send = send
        self._to_receive = fault.cut_request_after_bytes
        self._to_send = fault.cut_response_after_bytes

    async def receive(self) -> Message:
        message = await self._receive()
        if self._to_receive is None or message["type"] != "http.request":
            return message
        if self._to_receive == 0:
            self._transport.abort()
            return {"type": "http.disconnect"}
        body = message.get("body", b"")[: self._to_receive]
        self._to_receive -= len(body)
        # At the limit the body seems to go on, so that the next read finds the line dead.
        more_body = self._to_receive == 0 or message.get("more_body", False)
        return {"type": "http.request", "body": body, "more_body": more_body}

    async def send(self, message: Message) -> None:
        if self._to_send is None:
            await self._send(message)
            return
        if message["type"] == "http.response.body":
            body = message.get("body", b"")[: self._to_send]
            self._to_send -= len(body)
            more_body = self._to_send == 0 or message.get("more_body", False)
            if body or not more_body:
                await self._send({"type": "http.response.body", "body": body, "more_body": more_body})
        elif self._to_send:
            await self._send(message)
        if self._to_send == 0:
            self._transport.close()

    async def settle(self) -> None:
        """Wait until a line that was cut is down, else the server would answer on it."""
        if 0 in (self._to_receive, self._to_send):
            while (await self._receive())["type"] != "http.disconnect":
                pass
