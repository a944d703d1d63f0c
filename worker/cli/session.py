"""What most commands start with: the settings, the control plane they mean, and one event loop that ends cleanly."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from pydantic import ValidationError

from worker.cli.failures import CommandError, UsageError, explained
from worker.control_plane import ControlPlane
from worker.secrets import Logins, token_provider
from worker.settings import Settings, settings_file
from worker.up_record import read_up_record

ControlPlaneOption = Annotated[
    str | None,
    typer.Option(
        "--control-plane",
        metavar="URL",
        help="The control plane to talk to, instead of the one you logged in to or started with `deskrun up`.",
    ),
]
DataDirOption = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="FOLDER", help="Where deskrun keeps its state, instead of your user folder."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]

ResultT = TypeVar("ResultT")


def open_settings(*, control_plane: str | None = None, data_dir: Path | None = None, **explicit: object) -> Settings:
    """Settings with what the command line gave. Options that are None were not given.

    Unless an option, the environment or ``worker.toml`` names a control plane, it is the one of the last ``login``,
    else the one of the last ``up``.
    """
    given = {name: value for name, value in {"data_dir": data_dir, **explicit}.items() if value is not None}
    if control_plane is not None:
        given["control_plane_url"] = control_plane
    settings = _settings(given)
    if "control_plane_url" in settings.model_fields_set:
        return settings
    record = read_up_record(settings.data_dir)
    remembered = Logins(settings.data_dir).current_url or (record.url if record else None)
    return settings if remembered is None else _settings({**given, "control_plane_url": remembered})


def _settings(given: dict[str, Any]) -> Settings:
    try:
        return Settings(**given)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise UsageError(
            f"a setting is wrong: {wrong}",
            hint=f"Settings come from options, from DESKRUN_<NAME> in the environment, and from {settings_file()}.",
        ) from None
    except ValueError as error:  # worker.toml is not TOML
        raise UsageError(f"{settings_file()} cannot be read: {error}") from None


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[ControlPlane]:
    """The control plane of these settings. Its errors leave this block as ones that name its address."""
    async with ControlPlane(settings.control_plane_url, token_provider(settings)) as control_plane:
        try:
            yield control_plane
        except CommandError:
            raise
        except Exception as error:
            known = explained(error, url=settings.control_plane_url)
            if known is None:
                raise
            raise known from error


def run(main: Callable[[], Coroutine[Any, Any, ResultT]]) -> ResultT:
    """Run to the end. Ctrl-C, SIGTERM and a closed terminal cancel ``main``, then become KeyboardInterrupt."""
    try:
        return asyncio.run(_cancelled_by_signals(main))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _cancelled_by_signals(main: Callable[[], Coroutine[Any, Any, ResultT]]) -> ResultT:
    task = asyncio.current_task()
    if task is None:  # pragma: no cover - asyncio.run makes one
        raise RuntimeError("no task")
    loop = asyncio.get_running_loop()
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            with suppress(NotImplementedError):  # Windows
                loop.add_signal_handler(getattr(signal, name), task.cancel)
    return await main()
