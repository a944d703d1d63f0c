"""Errors of calls to the control plane, grouped by what the caller does about them (PROTOCOL.md, section 1).

``worker/calls.py`` raises them; the daemon and the command line branch on the class, people read ``str(error)``.
"""

from schemas.errors import Problem


class ControlPlaneError(Exception):
    """A call that did not give what it was made for. ``problem`` is the server's own document, where it sent one."""

    def __init__(self, message: str, *, problem: Problem | None = None) -> None:
        super().__init__(message)
        self.problem = problem


class Retry(ControlPlaneError):
    """Nobody's fault for long: try again, after ``after_seconds`` where the server named a time (429, 5xx)."""

    def __init__(self, message: str, *, problem: Problem | None = None, after_seconds: float | None = None) -> None:
        super().__init__(message, problem=problem)
        self.after_seconds = after_seconds


class Offline(Retry):
    """No answer of a control plane at all: name, route, TLS, a timeout, or a stranger who answered in its place."""


class Unauthenticated(ControlPlaneError):
    """The token is missing or refused, also after it was loaded again: a person has to log in (401)."""


class NotOurs(ControlPlaneError):
    """The thing asked about is not ours to work on: stop that work, discard its files and queued reports."""


class Gone(NotOurs):
    """It does not exist, or is another account's (403, 404)."""


class LeaseLost(NotOurs):
    """The job moved on without us: another attempt owns it, or it is in a state that takes no such step (409)."""


class LeaseHeld(ControlPlaneError):
    """Somebody else works on the job: forget it until it is offered again (409)."""


class UploadRejected(ControlPlaneError):
    """The server looked at the object and it is missing or not as announced: upload from the start (409)."""


class Unsupported(ControlPlaneError):
    """This version is not served any more: take no work until deskrun is updated (426)."""


class Refused(ControlPlaneError):
    """The request itself is wrong, and sending it again would change nothing (other 4xx)."""


class TicketExpired(ControlPlaneError):
    """The object store does not take these bytes at this URL or session: ask for a new one and start again."""
