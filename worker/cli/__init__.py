"""The ``deskrun`` command: one file per command or group of commands, put together here.

Exit codes: 0 done, 1 failed, 2 wrong command line, 3 not logged in, 4 control plane unreachable, 130 interrupted.
"""

import sys
import tempfile
import traceback
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from worker.cli.assets import assets_app
from worker.cli.demo import demo_command
from worker.cli.desk import worker_command
from worker.cli.doctor import doctor_command
from worker.cli.failures import CommandError, ExitCode, explained
from worker.cli.jobs import jobs_app
from worker.cli.login import login_command, logout_command, whoami_command
from worker.cli.plan import plan_command
from worker.cli.projects import projects_app, timeline_app
from worker.cli.render import render_command
from worker.cli.share import share_command
from worker.cli.terminal import show_error, show_interrupted
from worker.cli.up import up_command

app = typer.Typer(
    name="deskrun",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="The cloud decides, your own desk does the heavy work.",
    epilog="Exit codes: 0 done, 1 failed, 2 usage, 3 not logged in, 4 unreachable, 130 interrupted.",
)


def _show_version(asked: bool) -> None:  # noqa: FBT001 - the signature is typer's
    if asked:
        try:
            version = metadata.version("deskrun")
        except metadata.PackageNotFoundError:  # run from a checkout
            version = "source"
        typer.echo(f"deskrun {version}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


START, ACCOUNT, PROJECT = "On this machine", "Account", "Project"

app.command("demo", rich_help_panel=START)(demo_command)
app.command("up", rich_help_panel=START)(up_command)
app.command("render", rich_help_panel=START)(render_command)
app.command("plan", rich_help_panel=START)(plan_command)
app.command("doctor", rich_help_panel=START)(doctor_command)
app.command("worker", rich_help_panel=START)(worker_command)
app.command("login", rich_help_panel=ACCOUNT)(login_command)
app.command("logout", rich_help_panel=ACCOUNT)(logout_command)
app.command("whoami", rich_help_panel=ACCOUNT)(whoami_command)
app.add_typer(projects_app, name="projects", rich_help_panel=PROJECT)
app.add_typer(assets_app, name="assets", rich_help_panel=PROJECT)
app.add_typer(timeline_app, name="timeline", rich_help_panel=PROJECT)
app.add_typer(jobs_app, name="jobs", rich_help_panel=PROJECT)
app.command("share", rich_help_panel=PROJECT)(share_command)


def main() -> None:
    """Run the command line of this process and end with its exit code."""
    try:
        app(prog_name="deskrun")
    except SystemExit as end:
        if end.code == ExitCode.INTERRUPTED:  # typer's answer to Ctrl-C
            show_interrupted()
        raise
    except Exception as error:  # noqa: BLE001 - the outermost place: a person gets words, never a traceback
        known = explained(error) or _defect(error)
        show_error(known)
        sys.exit(known.exit_code)


def _defect(error: Exception) -> CommandError:
    with tempfile.NamedTemporaryFile("w", prefix="deskrun-", suffix=".txt", delete=False, encoding="utf-8") as file:
        file.write("".join(traceback.format_exception(error)))
    return CommandError(
        f"this is a defect of deskrun: {type(error).__name__}: {error}",
        hint=f"Please report it with {Path(file.name)}.",
    )
