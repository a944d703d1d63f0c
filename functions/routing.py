"""Paths to endpoints: the same matching for a deployed function (a table of one) and the local server (all of them)."""

import re
from collections.abc import Iterable
from typing import Generic, Protocol, TypeVar

from functions.errors import MethodNotAllowed, NotFound

API_PREFIX = "/api/v1"
"""Every path answers with and without it (seed 001 writes it, seed 000 does not)."""

_PARAMETER = re.compile(r"\{([a-z_]+)\}")


class Routed(Protocol):
    """What a table can hold."""

    @property
    def method(self) -> str:
        """HTTP method."""

    @property
    def path(self) -> str:
        """Path template."""


R = TypeVar("R", bound=Routed)


def parameter_names(path: str) -> tuple[str, ...]:
    """Names of the ``{parameters}`` of a path template, in order."""
    return tuple(_PARAMETER.findall(path))


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(_PARAMETER.sub(r"(?P<\1>[^/]+)", path))


class RouteTable(Generic[R]):
    """Finds the endpoint of a request by number of segments, then by pattern; literals win over parameters."""

    def __init__(self, endpoints: Iterable[R]) -> None:
        self._by_length: dict[int, list[tuple[re.Pattern[str], R]]] = {}
        for endpoint in sorted(endpoints, key=lambda e: (e.path.count("{"), e.path)):
            self._by_length.setdefault(endpoint.path.count("/"), []).append((_pattern(endpoint.path), endpoint))

    def match(self, method: str, path: str) -> tuple[R, dict[str, str]]:
        """The endpoint and its raw path parameters; NotFound or MethodNotAllowed (naming what is allowed)."""
        if path.startswith(API_PREFIX + "/"):
            path = path.removeprefix(API_PREFIX)
        allowed: list[str] = []
        for pattern, endpoint in self._by_length.get(path.count("/"), ()):
            if found := pattern.fullmatch(path):
                if endpoint.method == method:
                    return endpoint, found.groupdict()
                allowed.append(endpoint.method)
        if allowed:
            raise MethodNotAllowed(method, allowed)
        raise NotFound("There is no such path.")
