"""``deskrun up``: a control plane and a desk on this machine, until Ctrl-C."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from worker.cli.failures import CommandError
from worker.cli.session import DataDirOption, JsonOption, open_settings, run
from worker.cli.terminal import Terminal
from worker.local_stack import DEFAULT_PORT, LocalStack, StackError
from worker.logs import Event
from worker.secrets import Logins
from worker.settings import Settings

LOOK_SECONDS = 0.2


def up_command(
    *,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the control plane; 0 takes any free one.")
    ] = DEFAULT_PORT,
    slots: Annotated[int | None, typer.Option(min=1, max=64, help="Jobs rendered at the same time.")] = None,
    override_dir: Annotated[
        list[Path] | None,
        typer.Option(metavar="FOLDER", help="Use media from here instead of downloading it. Repeatable."),
    ] = None,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """Run a control plane and a desk on this machine. Ctrl-C ends both."""
    terminal = Terminal(json_output=json_output)
    settings = open_settings(data_dir=data_dir, slots=slots, override_dirs=override_dir)
    try:
        run(lambda: _up(terminal, settings, port))
    except KeyboardInterrupt:
        terminal.note("stopped")  # the way to end it, so exit code 0


async def _up(terminal: Terminal, settings: Settings, port: int) -> None:
    try:
        async with LocalStack(settings) as stack:
            with terminal.waiting("starting the control plane"):
                await stack.start_control_plane(port)
            with terminal.waiting("starting the desk"):
                worker = await stack.start_worker()
            _announce(terminal, settings, stack)
            ended = asyncio.create_task(stack.wait_for_end())
            told = asyncio.create_task(_tell(terminal, worker.log_path))
            try:
                raise await ended
            finally:
                ended.cancel()
                told.cancel()
                terminal.note("stopping: running jobs may finish; Ctrl-C again stops at once")
    except StackError as error:
        raise CommandError(str(error), hint=error.hint) from None


def _announce(terminal: Terminal, settings: Settings, stack: LocalStack) -> None:
    terminal.document({"control_plane_url": stack.url, "data_dir": str(settings.data_dir)})
    slots = f"{settings.slots} slot" + ("s" if settings.slots > 1 else "")
    facts = (
        ("control plane", stack.url),
        ("desk", f"{settings.name}, {slots}"),
        ("data and token", str(settings.data_dir)),
    )
    terminal.say("[bold green]deskrun is up[/]")
    for name, value in facts:
        terminal.say(Text.assemble((f"  {name:<15}", "dim"), value))
    current = Logins(settings.data_dir).current_url
    if current and current != stack.url:
        terminal.note(
            f"You are logged in to {current}: other commands talk to it unless given --control-plane {stack.url}"
        )
    terminal.say(Text("  Other terminals find it by themselves: try `deskrun doctor`. Ctrl-C ends it.", style="dim"))


async def _tell(terminal: Terminal, log_path: Path) -> None:
    """What the desk does, one line for each thing a person would want to know."""
    async for record in _new_records(log_path):
        line = _told(record)
        if line is not None:
            terminal.note(Text.assemble((f"{_clock(record)}  ", "dim"), line))


async def _new_records(log_path: Path) -> AsyncIterator[dict[str, Any]]:
    with log_path.open(encoding="utf-8", errors="replace") as file:
        rest = ""
        while True:
            rest += file.read()
            *lines, rest = rest.split("\n")
            for line in lines:
                try:
                    record = json.loads(line)
                except ValueError:
                    continue  # a library's own words
                if isinstance(record, dict) and "at" in record:
                    yield record
            await asyncio.sleep(LOOK_SECONDS)


OUTCOMES: dict[str, tuple[str, str]] = {
    Event.JOB_CLAIMED: ("claimed", ""),
    Event.JOB_RECOVERED: ("continued", ""),
    Event.JOB_COMPLETED: ("completed", "green"),
    Event.JOB_FAILED: ("failed", "red"),
    Event.JOB_CANCELLED: ("cancelled", "yellow"),
    Event.JOB_RELEASED: ("handed back", "yellow"),
    Event.JOB_LOST: ("not ours any more", "yellow"),
    Event.JOB_KEPT: ("kept for the next start", "yellow"),
}
"""What becomes of a job: words and colour."""


def _told(record: dict[str, Any]) -> Text | None:
    """The record in a person's words; None for what only a log reader needs."""
    event, job = str(record.get("event")), str(record.get("job_id", ""))
    reason = str(record.get("reason") or record.get("message") or "")
    if event == Event.JOB_PHASE:
        return Text(f"{job}  {record.get('phase')}")
    if event in OUTCOMES:
        return Text.assemble(f"{job}  ", OUTCOMES[event], f"  {reason}")
    if record.get("level") in {"warning", "error"}:
        return Text.assemble((event.replace("_", " "), "yellow"), f"  {reason}")
    return None


def _clock(record: dict[str, Any]) -> str:
    return f"{datetime.fromisoformat(record['at']).astimezone():%H:%M:%S}"
