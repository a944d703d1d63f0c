"""``deskrun worker``: the daemon alone, at a control plane somewhere else."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from worker.cli.failures import CommandError, ExitCode
from worker.cli.session import ControlPlaneOption, DataDirOption, open_settings, run
from worker.cli.terminal import Terminal
from worker.daemon import DataDirError, retire, run_daemon
from worker.secrets import find_token, token_provider
from worker.settings import Settings


def worker_command(
    *,
    control_plane: ControlPlaneOption = None,
    slots: Annotated[int | None, typer.Option(min=1, max=64, help="Jobs rendered at the same time.")] = None,
    name: Annotated[
        str | None, typer.Option(help="How this desk is called in lists; default: the host's name.")
    ] = None,
    override_dir: Annotated[
        list[Path] | None,
        typer.Option(metavar="FOLDER", help="Use media from here instead of downloading it. Repeatable."),
    ] = None,
    retire_desk: Annotated[
        bool, typer.Option("--retire", help="Take this desk out of service at the control plane, and end.")
    ] = False,
    data_dir: DataDirOption = None,
) -> None:
    """Render jobs of a control plane on this desk. Ctrl-C or SIGTERM drains: running jobs finish or are handed back."""
    settings = open_settings(
        control_plane=control_plane, data_dir=data_dir, slots=slots, name=name, override_dirs=override_dir
    )
    if retire_desk:
        _retire(settings)
        return
    if find_token(settings) is None:
        raise CommandError(
            f"not logged in to {settings.control_plane_url}",
            hint=f"Run `deskrun login --control-plane {settings.control_plane_url}`, or set DESKRUN_TOKEN.",
            exit_code=ExitCode.NOT_LOGGED_IN,
        )
    code = asyncio.run(run_daemon(settings, token_provider(settings)))
    if code:
        raise typer.Exit(code)


def _retire(settings: Settings) -> None:
    try:
        was_in_service = run(lambda: retire(settings, token_provider(settings)))
    except DataDirError as error:
        raise CommandError(str(error)) from None
    Terminal().say("retired" if was_in_service else f"this desk is not in service at {settings.control_plane_url}")
