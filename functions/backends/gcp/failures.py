"""Translates the errors of Google's clients into the control plane's own; every adapter here calls through it."""

from collections.abc import Iterator
from contextlib import contextmanager

from google.api_core import exceptions
from google.auth.exceptions import TransportError

from functions.errors import Unavailable

RETRY_AFTER_SECONDS = 5

_PASSING: tuple[type[Exception], ...] = (
    exceptions.ServerError,
    exceptions.TooManyRequests,
    exceptions.RetryError,
    TransportError,
)
"""What says nothing about the request: the same one may succeed later."""


@contextmanager
def unavailable_as_ours(service: str, *also: type[Exception]) -> Iterator[None]:
    """Raise ``errors.Unavailable`` where ``service`` does not answer; ``also`` adds exceptions that mean so."""
    passing = (*_PASSING, *also)
    try:
        yield
    except passing as error:
        raise Unavailable(f"{service} does not answer.", retry_after_seconds=RETRY_AFTER_SECONDS) from error
