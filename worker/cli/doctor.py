"""``deskrun doctor``: the table of what this machine can do."""

import typer
from rich.text import Text

from worker.cli.failures import ExitCode
from worker.cli.session import ControlPlaneOption, DataDirOption, JsonOption, open_settings, run
from worker.cli.terminal import Terminal
from worker.doctor import Verdict, can_render, examine

MARKS = {
    Verdict.OK: Text("✓", style="green"),
    Verdict.WARNING: Text("!", style="yellow"),
    Verdict.FAILED: Text("✗", style="red"),
}


def doctor_command(
    *,
    control_plane: ControlPlaneOption = None,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """Look at what this machine can do, and say what to do about what it cannot. Exit code 0 if rendering works."""
    terminal = Terminal(json_output=json_output)
    settings = open_settings(control_plane=control_plane, data_dir=data_dir)
    checks = run(lambda: examine(settings))
    works = can_render(checks)
    terminal.document(
        {
            "can_render": works,
            "checks": [
                {
                    "name": check.name,
                    "verdict": check.verdict.value,
                    "found": check.found,
                    "advice": check.advice,
                    "facts": check.facts,
                }
                for check in checks
            ],
        }
    )
    rows: list[tuple[str | Text, ...]] = []
    for check in checks:
        rows.append((MARKS[check.verdict], check.name, Text(check.found)))
        if check.advice and check.verdict is not Verdict.OK:
            rows.append(("", "", Text(check.advice, style="yellow")))
    terminal.table(("", "", ""), rows)
    terminal.say()
    if not works:
        terminal.say("[bold red]This machine cannot render yet.[/] See the lines marked ✗.")
        raise typer.Exit(ExitCode.FAILED)
    terminal.say("[bold green]This machine can render.[/]")
