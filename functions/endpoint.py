"""``@endpoint``: one plain function becomes one Cloud Function.

The signature is the contract. Parameters are bound by name: path parameters of the template; ``body`` and ``query``
(request models), ``file`` (multipart), ``caller`` (``User`` or ``JobCaller``), ``services``, ``request_key``. The
return annotation is the answer's model. Everything about HTTP happens here and nowhere else.
"""

import inspect
import logging
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from time import perf_counter
from typing import Any
from urllib.parse import quote

from anyio import CapacityLimiter, to_thread
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import from_json
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from functions.auth import JobCaller, User, job_caller, require_user
from functions.errors import ControlPlaneError, InvalidRequest, NotFound
from functions.logs import request_context
from functions.ports import Services
from functions.problems import body_errors, problem_response, query_errors
from functions.request_body import FormFile, read_form_file, read_limited, request_key
from functions.routing import RouteTable, parameter_names

logger = logging.getLogger(__name__)

DEFAULT_BODY_BYTES = 1024 * 1024
MULTIPART_BYTES = 32 * 1024 * 1024
"""Google's limit for a request to a function; a local server holds to it too, so nothing works only at home."""

_SAFE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_worker_threads = CapacityLimiter(32)
_waiting_threads = CapacityLimiter(512)
_CLIENT_CLOSED_REQUEST = 499


@dataclass(frozen=True)
class Deployment:
    """How a function is deployed. ``concurrency`` above 1 needs a whole CPU."""

    memory_mb: int = 512
    timeout_seconds: int = 60
    concurrency: int = 16


@dataclass(frozen=True)
class _Input:
    """What a request brought, read but not yet parsed."""

    headers: Mapping[str, str]
    query: list[tuple[str, str]]
    path_values: Mapping[str, str]
    route: str
    body: bytes = b""
    file: FormFile | None = None


@dataclass(frozen=True)
class Endpoint:
    """One endpoint: its route, contract and deployment, and how to answer a request with it."""

    name: str
    method: str
    path: str
    handler: Callable[..., BaseModel]
    answer: type[BaseModel]
    status: int
    deployment: Deployment
    max_body_bytes: int
    waits: bool
    parameters: Mapping[str, Any]
    path_types: Mapping[str, TypeAdapter[str]] = field(repr=False)

    @property
    def summary(self) -> str:
        """First line of the handler's docstring."""
        return (inspect.getdoc(self.handler) or "").partition("\n")[0]

    async def respond(self, request: Request, path_values: Mapping[str, str], services: Services) -> Response:
        """Answer ``request``; every failure becomes a problem document."""
        started = perf_counter()
        given = request.headers.get("x-request-id", "")
        request_id = given if _SAFE_REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        with request_context(request_id=request_id, function=self.name):
            try:
                content = await self._answer(request, path_values, services)
                response = Response(content, self.status, {"x-request-id": request_id}, media_type="application/json")
            except ControlPlaneError as error:
                response = problem_response(error, request_id)
            except ClientDisconnect:
                response = Response(status_code=_CLIENT_CLOSED_REQUEST)
            except Exception:
                logger.exception("Defect in %s", self.name, extra={"event": "endpoint_defect"})
                response = problem_response(ControlPlaneError(), request_id)
            if logger.isEnabledFor(logging.INFO):
                self._log(request, response, perf_counter() - started)
        return response

    async def _answer(self, request: Request, path_values: Mapping[str, str], services: Services) -> bytes:
        limiter = _waiting_threads if self.waits else _worker_threads
        given = _Input(
            headers=request.headers,
            query=request.query_params.multi_items(),
            path_values=path_values,
            route=f"{self.method} {self.path.format_map(path_values)}",
        )
        if "file" in self.parameters:
            # Nobody may make us store 32 MiB before we know who it is.
            await to_thread.run_sync(self._caller, given, services, limiter=limiter)
            async with read_form_file(request, self.max_body_bytes) as file:
                given = _Input(**{**vars(given), "file": file})
                return await to_thread.run_sync(self._call, given, services, limiter=limiter)
        if self.method != "GET":
            given = _Input(**{**vars(given), "body": await read_limited(request, self.max_body_bytes)})
        return await to_thread.run_sync(self._call, given, services, limiter=limiter)

    def _call(self, given: _Input, services: Services) -> bytes:
        arguments = self._bind(given, services)
        answer = self.handler(**arguments)
        return answer.__pydantic_serializer__.to_json(answer)

    def _caller(self, given: _Input, services: Services) -> User | JobCaller:
        read = job_caller if self.parameters.get("caller") is JobCaller else require_user
        return read(given.headers, services.settings)

    def _bind(self, given: _Input, services: Services) -> dict[str, Any]:
        caller = self._caller(given, services)
        arguments: dict[str, Any] = self._path_arguments(given.path_values)
        for name, annotation in self.parameters.items():
            if name == "caller":
                arguments[name] = caller
            elif name == "services":
                arguments[name] = services
            elif name == "body":
                arguments[name] = _parsed_body(annotation, given.body or b"{}")
            elif name == "query":
                arguments[name] = _parsed_query(annotation, given.query)
            elif name == "file":
                arguments[name] = given.file
            elif name == "request_key":
                assert isinstance(caller, User)  # noqa: S101 - checked when the endpoint was declared
                content = given.body if given.file is None else f"{given.file.file_name}\n{given.file.sha256}".encode()
                arguments[name] = request_key(given.headers, caller.user_id, given.route, content)
        return arguments

    def _path_arguments(self, values: Mapping[str, str]) -> dict[str, Any]:
        try:
            return {name: adapter.validate_python(values[name]) for name, adapter in self.path_types.items()}
        except ValidationError:
            # An id that cannot exist is an id that does not exist.
            raise NotFound from None

    def _log(self, request: Request, response: Response, seconds: float) -> None:
        logger.info(
            "%s %s -> %d",
            request.method,
            quote(request.scope["path"]),
            response.status_code,
            extra={"event": "request", "status": response.status_code, "duration_ms": round(seconds * 1000, 1)},
        )


def _parsed_body(model: type[BaseModel], content: bytes) -> BaseModel:
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        try:
            document = from_json(content)
        except ValueError:
            document = None
        errors = body_errors(error, document)
        raise InvalidRequest("The body does not match its schema.", errors=errors) from None


def _parsed_query(model: type[BaseModel], items: list[tuple[str, str]]) -> BaseModel:
    values = dict(items)
    if len(values) != len(items):
        raise InvalidRequest("A query parameter is given twice.")
    try:
        return model.model_validate_strings(values)
    except ValidationError as error:
        raise InvalidRequest("The query does not match its schema.", errors=query_errors(error)) from None


EntryPoint = Callable[[Request], Awaitable[Response]]
_BOUND = {"body", "query", "file", "caller", "services", "request_key"}


def endpoint(
    route: str,
    *,
    status: int = HTTPStatus.OK,
    deployment: Deployment | None = None,
    max_body_bytes: int | None = None,
    waits: bool = False,
) -> Callable[[Callable[..., BaseModel]], EntryPoint]:
    """Declare ``route`` (``"POST /projects/{project_id}/render"``) to be answered by the decorated function.

    ``waits`` marks a handler that holds its answer back; such calls have threads of their own.
    """
    method, _, path = route.partition(" ")

    def declare(handler: Callable[..., BaseModel]) -> EntryPoint:
        hints = inspect.get_annotations(handler)
        answer = hints.pop("return")
        in_path = parameter_names(path)
        unknown = set(hints) - set(in_path) - _BOUND
        if unknown or set(in_path) - set(hints) or "caller" not in hints:
            raise TypeError(f"{handler.__name__}: the signature does not fit {route!r}")
        if "request_key" in hints and hints["caller"] is not User:
            raise TypeError(f"{handler.__name__}: request_key needs a User")
        spec = Endpoint(
            name=handler.__name__,
            method=method,
            path=path,
            handler=handler,
            answer=answer,
            status=status,
            deployment=deployment or Deployment(),
            max_body_bytes=max_body_bytes or (MULTIPART_BYTES if "file" in hints else DEFAULT_BODY_BYTES),
            waits=waits,
            parameters={name: hint for name, hint in hints.items() if name not in in_path},
            path_types={name: TypeAdapter(hints[name]) for name in in_path},
        )
        return _entry_point(spec)

    return declare


def _entry_point(spec: Endpoint) -> EntryPoint:
    table = RouteTable([spec])

    async def entry(request: Request) -> Response:
        from functions.wiring import services  # noqa: PLC0415 - the local server brings its own services

        try:
            _, path_values = table.match(request.method, request.scope["path"])
        except ControlPlaneError as error:
            return problem_response(error, uuid.uuid4().hex)
        return await spec.respond(request, path_values, services())

    entry.__name__ = entry.__qualname__ = spec.name
    entry.__doc__ = spec.handler.__doc__
    entry.__module__ = spec.handler.__module__
    entry.endpoint = spec  # type: ignore[attr-defined]
    return entry
