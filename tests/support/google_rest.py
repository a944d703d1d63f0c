"""What stand-ins of Google's REST APIs share: serving JSON on loopback, and errors in Google's shape."""

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

_HTTP_STATUS = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "UNAVAILABLE": 503,
}


class Body(BaseModel):
    """A request body of which every field is known."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, frozen=True)


@dataclass(frozen=True)
class Call:
    """One POST as it arrived."""

    path: str
    query: str
    authorization: str | None
    body: bytes


@dataclass(eq=False)
class Refusal(Exception):
    """What the API answers to a request it does not accept."""

    status: str
    message: str


@dataclass
class GoogleRestApi:
    """Serves `answer` on a free port of 127.0.0.1 while the context lasts."""

    refusals: list[Refusal] = field(default_factory=list, kw_only=True)
    """What was refused, in order."""
    planned_refusals: list[Refusal] = field(default_factory=list, kw_only=True)
    """Answers for the next calls, whatever they are."""

    def answer(self, call: Call) -> dict[str, Any]:
        """The API itself; Refusal or a ValidationError of a `Body` is answered as an error."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"


def _handler(api: GoogleRestApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            try:
                self._send(200, self._answer())
            except ValidationError as error:
                self._refuse(Refusal("INVALID_ARGUMENT", str(error)))
            except Refusal as refusal:
                self._refuse(refusal)

        def _answer(self) -> dict[str, Any]:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if api.planned_refusals:
                raise api.planned_refusals.pop(0)
            if self.headers["Content-Type"] != "application/json":
                raise Refusal("INVALID_ARGUMENT", f"Content-Type {self.headers['Content-Type']}")
            path, _, query = self.path.partition("?")
            return api.answer(Call(path, query, self.headers["Authorization"], body))

        def _refuse(self, refusal: Refusal) -> None:
            api.refusals.append(refusal)
            code = _HTTP_STATUS[refusal.status]
            self._send(code, {"error": {"code": code, "status": refusal.status, "message": refusal.message}})

        def _send(self, code: int, answer: dict[str, Any]) -> None:
            content = json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Standard error is the test's."""

    return Handler
