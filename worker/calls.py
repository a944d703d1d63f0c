"""How one call to the control plane is made: token, time limits, and answers turned into models or errors.

Only ``worker/control_plane.py`` uses it. After a 401 the token is loaded again and the call repeated once; a call
under a lease that is still refused goes once more with the lease token alone.
"""

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from schemas.errors import ErrorCode, Problem
from schemas.message import Request
from worker.errors import (
    ControlPlaneError,
    Gone,
    LeaseHeld,
    LeaseLost,
    Offline,
    Refused,
    Retry,
    Unauthenticated,
    Unsupported,
    UploadRejected,
)

TokenProvider = Callable[[], str | None]
"""Reads the bearer token from where it is kept, afresh on each call; may block. None: there is none."""

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 30.0
"""The whole of an answer must be here by then, so a server that drips bytes counts as one that does not answer."""

PROBLEM_TYPE = "application/problem+json"
LEASE_HEADER = "X-Lease-Token"

_SEGMENT = re.compile(r"[A-Za-z0-9_-]{1,64}")

_STATUS_ERRORS: dict[int, type[ControlPlaneError]] = {403: Gone, 404: Gone, 426: Unsupported}
_CONFLICT_ERRORS: dict[ErrorCode, type[ControlPlaneError]] = {
    ErrorCode.LEASE_HELD: LeaseHeld,
    ErrorCode.LEASE_LOST: LeaseLost,
    ErrorCode.ILLEGAL_STATE: LeaseLost,
    ErrorCode.UPLOAD_MISSING: UploadRejected,
    ErrorCode.UPLOAD_MISMATCH: UploadRejected,
}

AnswerT = TypeVar("AnswerT", bound=BaseModel)


class Caller:
    """A connection pool and the token in use."""

    def __init__(self, url: str, token_provider: TokenProvider) -> None:
        self._url = url
        self._token_provider = token_provider
        self._token: str | None = None
        self._http = httpx.AsyncClient(base_url=url)
        self.clock_ahead_seconds: float | None = None
        """How far this machine's clock was ahead of the server's ``Date`` at the last answer."""

    async def close(self) -> None:
        """Close the pool; calls under way fail."""
        await self._http.aclose()

    async def call(
        self,
        answer: type[AnswerT],
        method: str,
        *segments: str,
        body: Request | dict[str, Any] | None = None,
        query: Request | None = None,
        idempotency_key: str | None = None,
        lease_token: str | None = None,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> AnswerT:
        """The answer as its model. A dictionary as ``body`` is sent as it is; fields that are None are left out."""
        for segment in segments:  # ids typed by a person must not walk to another endpoint
            if not _SEGMENT.fullmatch(segment):
                raise Gone(f"{segment!r} is not an id")
        path = "/" + "/".join(segments)
        carried = {"Idempotency-Key": idempotency_key, LEASE_HEADER: lease_token}
        request = self._http.build_request(
            method,
            path,
            params=None if query is None else query.model_dump(mode="json", exclude_none=True),
            json=body.model_dump(mode="json", exclude_none=True) if isinstance(body, Request) else body,
            headers={name: value for name, value in carried.items() if value is not None},
            timeout=httpx.Timeout(answer_seconds, connect=CONNECT_SECONDS),
        )
        response = await self._send_authorised(request, answer_seconds)
        if not response.is_success:
            raise error_of(response)
        try:
            return answer.model_validate_json(response.content)
        except ValidationError as error:
            # A captive portal, or a foreign server on that port: as good as no answer.
            raise Offline(f"{self._url} answered {method} {path} with something that is not deskrun's") from error

    async def _send_authorised(self, request: httpx.Request, answer_seconds: float) -> httpx.Response:
        used = self._token or await self._load_token()
        if used is None and LEASE_HEADER not in request.headers:
            raise Unauthenticated(f"there is no token for {self._url}: run `deskrun login`")
        response = await self._send(request, used, answer_seconds)
        if response.status_code != httpx.codes.UNAUTHORIZED:
            return response
        fresh = await self._load_token()
        if fresh not in {used, None}:
            used = fresh
            response = await self._send(request, used, answer_seconds)
        if response.status_code == httpx.codes.UNAUTHORIZED and used is not None and LEASE_HEADER in request.headers:
            # A login that ran out must not cost a render: the lease is permission enough (PROTOCOL section 1).
            response = await self._send(request, None, answer_seconds)
        return response

    async def _load_token(self) -> str | None:
        self._token = await asyncio.to_thread(self._token_provider)
        return self._token

    async def _send(self, request: httpx.Request, token: str | None, answer_seconds: float) -> httpx.Response:
        request.headers.pop("Authorization", None)
        if token is not None:
            request.headers["Authorization"] = f"Bearer {token}"
        try:
            async with asyncio.timeout(CONNECT_SECONDS + answer_seconds):
                response = await self._http.send(request)
        except TimeoutError as error:
            raise Offline(f"{self._url} did not finish its answer in {answer_seconds:g} s") from error
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise Offline(f"{self._url} does not answer ({type(error).__name__}: {error})") from error
        self.clock_ahead_seconds = _clock_ahead_seconds(response)
        return response


def error_of(response: httpx.Response) -> ControlPlaneError:
    """What PROTOCOL section 1, "What a worker does with an answer", says about an answer that is not a success."""
    status = response.status_code
    problem = _problem_of(response)
    message = problem.detail if problem else f"{response.request.method} {response.url.path} was answered {status}"
    if problem and problem.errors:
        message += "; " + "; ".join(f"{error.pointer}: {error.message}" for error in problem.errors)
    if status == httpx.codes.TOO_MANY_REQUESTS or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Retry(message, problem=problem, after_seconds=_retry_after_seconds(response))
    if status == httpx.codes.UNAUTHORIZED:
        return Unauthenticated(message, problem=problem)
    if problem is None:
        # A captive portal, a proxy, a foreign server on that port: whatever it says, it is not about our jobs.
        return Offline(f"{message}, but not by deskrun: is there a captive portal or a proxy on the way?")
    if status == httpx.codes.CONFLICT:
        return _CONFLICT_ERRORS.get(problem.code, Refused)(message, problem=problem)
    return _STATUS_ERRORS.get(status, Refused)(message, problem=problem)


def _problem_of(response: httpx.Response) -> Problem | None:
    """The server's own document; None if somebody else answered, such as a proxy."""
    if response.headers.get("Content-Type", "").partition(";")[0].strip().lower() != PROBLEM_TYPE:
        return None
    try:
        return Problem.model_validate_json(response.content)
    except ValidationError:
        return None


def _retry_after_seconds(response: httpx.Response) -> float | None:
    """``Retry-After`` in its seconds form; the date form would need two clocks that agree."""
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdigit() else None


def _clock_ahead_seconds(response: httpx.Response) -> float | None:
    try:
        server_time = parsedate_to_datetime(response.headers.get("Date", ""))
        return (datetime.now(UTC) - server_time.astimezone(UTC)).total_seconds()
    except (ValueError, OverflowError):  # none, not in the form HTTP asks for, or beyond all calendars
        return None
