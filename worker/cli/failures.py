"""Exit codes, and every failure a command can meet as one or two lines that say what to do. Used by all commands."""

from enum import IntEnum
from urllib.parse import urlsplit

from pydantic import ValidationError

from worker.errors import ControlPlaneError, Gone, Offline, Retry, Unauthenticated, Unsupported
from worker.render.errors import PlanError, RenderError

MAX_PROBLEMS = 10

RENDER_HINTS = {
    "outside_roots": "If you trust it, add its folder with `--allow FOLDER`.",
    "asset_missing": "Media is looked for beside the timeline; say where an asset is with `--asset ID=PATH`.",
}
"""What the command line can do about errors that the renderer gives no advice for."""


class ExitCode(IntEnum):
    """What the shell is told."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_LOGGED_IN = 3
    UNREACHABLE = 4
    INTERRUPTED = 130


class CommandError(Exception):
    """The command cannot do what it was asked. ``message`` says what is wrong, ``hint`` what to do about it."""

    def __init__(self, message: str, *, hint: str | None = None, exit_code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code


class UsageError(CommandError):
    """The command line itself is wrong."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint, exit_code=ExitCode.USAGE)


def explained(error: Exception, *, url: str | None = None) -> CommandError | None:
    """The failure in a person's words, or None when nobody foresaw it. ``url`` is the control plane talked to."""
    match error:
        case CommandError():
            return error
        case ControlPlaneError():
            return _of_control_plane(error, url)
        case RenderError():
            return _of_renderer(error)
        case ValidationError():
            return UsageError("; ".join(f"{_place(each['loc'])}: {each['msg']}" for each in error.errors()))
        case OSError():
            where = f"{error.filename}: " if isinstance(error.filename, str) else ""
            return CommandError(f"{where}{error.strerror or str(error) or type(error).__name__}")
    return None


def _of_renderer(error: RenderError) -> CommandError:
    problems = error.problems if isinstance(error, PlanError) else ()
    hint = error.hint or RENDER_HINTS.get(error.code)
    if len(problems) <= 1:
        at = f" (at {error.pointer})" if error.pointer else ""
        return CommandError(f"{problems[0].message if problems else error.message}{at}", hint=hint)
    shown = [str(problem) for problem in problems[:MAX_PROBLEMS]]
    more = [f"and {len(problems) - MAX_PROBLEMS} more"] if len(problems) > MAX_PROBLEMS else []
    return CommandError("\n  ".join([f"{len(problems)} things are wrong:", *shown, *more]), hint=hint)


def _of_control_plane(error: ControlPlaneError, url: str | None) -> CommandError:
    hint = error.problem.hint if error.problem else None
    match error:
        case Unauthenticated():
            return CommandError(_who(error, url), hint=_login_hint(url), exit_code=ExitCode.NOT_LOGGED_IN)
        case Offline():
            return CommandError(str(error), hint=_offline_hint(url), exit_code=ExitCode.UNREACHABLE)
        case Retry():
            return CommandError(
                f"the control plane cannot answer now: {error}",
                hint=hint or "Try again in a moment.",
                exit_code=ExitCode.UNREACHABLE,
            )
        case Unsupported():
            return CommandError(str(error), hint=hint or "Install a newer deskrun.")
        case Gone():
            return CommandError(
                str(error),
                hint=hint or (None if error.problem else "It does not exist, or belongs to another account."),
            )
        case _:
            return CommandError(str(error), hint=hint)


def _who(error: Unauthenticated, url: str | None) -> str:
    if error.problem is None:
        return f"not logged in to {url}" if url else str(error)
    return f"{url or 'the control plane'} refused the token: {error.problem.detail}"


def _login_hint(url: str | None) -> str:
    return f"Run `deskrun login --control-plane {url}`." if url else "Run `deskrun login`."


def _offline_hint(url: str | None) -> str:
    if url and urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"}:
        return "Start one on this machine with `deskrun up`."
    return "Check the address and the network; `deskrun doctor` looks closer."


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) or "value"
