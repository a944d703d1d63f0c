"""What commands show: results on standard output, everything else on standard error, JSON when asked for.

On a terminal there are colours and moving bars; elsewhere the same facts are plain lines that a log can hold.
"""

import io
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Protocol

from pydantic import BaseModel
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from worker.cli.failures import CommandError

UNLIMITED_COLUMNS = 4000
"""Width off a terminal: a log has no edge, and wrapped paths cannot be copied."""
PLAIN_STEP_PERCENT = 10
PLAIN_STEP_SECONDS = 5.0


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")  # a code page without a check mark must not end a command
    width = None if stream.isatty() else UNLIMITED_COLUMNS
    return Console(stderr=stderr, highlight=False, soft_wrap=True, width=width)


class Advance(Protocol):
    """Tells a bar how far it is. ``detail`` is a few words such as ``210 fps, 3 s left``."""

    def __call__(self, done: float, detail: str = "") -> None:
        """``done`` counts up to the bar's total and never down."""


class Terminal:
    """One command's two streams. With ``json_output`` results are one JSON document and people read standard error."""

    def __init__(self, *, json_output: bool = False) -> None:
        self.json_output = json_output
        self.notes = _console(stderr=True)
        self._results = _console(stderr=False)
        self._bar_moves = False

    def say(self, line: str | Text = "") -> None:
        """A line of the result for people; markup as in rich. Nothing with ``--json``."""
        if not self.json_output:
            self._result_console().print(line)

    def note(self, line: str | Text) -> None:
        """A line beside the result: what is being done, a warning."""
        self.notes.print(line)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> None:
        """Rows below dim headings. Nothing with ``--json``, or where there are no rows."""
        if self.json_output or not rows:
            return
        table = Table(box=None, pad_edge=False, show_header=any(columns), header_style="dim", padding=(0, 2, 0, 0))
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*row)
        if self._results.is_terminal:
            self._results.print(table, soft_wrap=False)
            return
        with self._results.capture() as captured:
            self._results.print(table, soft_wrap=False)
        for line in captured.get().splitlines():
            sys.stdout.write(line.rstrip() + "\n")

    def document(self, value: BaseModel | dict[str, Any] | list[Any]) -> None:
        """The result for machines: printed with ``--json`` only."""
        if self.json_output:
            plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
            sys.stdout.write(json.dumps(plain, indent=2, ensure_ascii=False) + "\n")
            sys.stdout.flush()

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """A spinner while something takes a moment; nothing off a terminal."""
        if not self.notes.is_terminal:
            yield
            return
        with self.notes.status(Text(what, style="dim"), spinner_style="cyan"):
            yield

    @contextmanager
    def bar(self, label: str, total: float) -> Iterator[Advance]:
        """A progress bar on standard error; off a terminal a line for every ten per cent or five seconds."""
        if not self.notes.is_terminal:
            yield _PlainSteps(self.notes, label, total).advance
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=32, complete_style="cyan", finished_style="cyan"),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("[dim]{task.fields[detail]}"),
        )
        with Progress(*columns, console=self.notes, transient=True) as progress:
            task = progress.add_task(label, total=total or 1, detail="")

            def advance(done: float, detail: str = "") -> None:
                progress.update(task, completed=done, detail=detail)

            self._bar_moves = True
            try:
                yield advance
            finally:
                self._bar_moves = False

    def _result_console(self) -> Console:
        """While a bar moves on the same terminal, only its own console can write above it."""
        return self.notes if self._bar_moves and self._results.is_terminal else self._results


class _PlainSteps:
    """A bar for streams that keep every line."""

    def __init__(self, console: Console, label: str, total: float) -> None:
        self._console = console
        self._label = label
        self._total = total or 1
        self._shown_percent = -PLAIN_STEP_PERCENT
        self._shown_seconds = -PLAIN_STEP_SECONDS

    def advance(self, done: float, detail: str = "") -> None:
        percent = int(100 * done / self._total)
        now = time.monotonic()
        step = percent - self._shown_percent
        due = step >= PLAIN_STEP_PERCENT or percent == 100 or now - self._shown_seconds >= PLAIN_STEP_SECONDS
        if step > 0 and due:
            self._shown_percent, self._shown_seconds = percent, now
            self._console.print(Text(f"{self._label} {percent} %" + (f"  {detail}" if detail else "")))


def show_error(error: CommandError) -> None:
    """One or two lines on standard error."""
    console = _console(stderr=True)
    console.print(Text.assemble(("error: ", "bold red"), error.message))
    if error.hint:
        console.print(Text(error.hint))


def show_interrupted() -> None:
    """The last line of a command that was stopped."""
    _console(stderr=True).print("interrupted", style="yellow")


def size_text(size_bytes: float) -> str:
    """``3.2 MB``: decimal units, as file managers show them."""
    for unit in ("B", "kB", "MB", "GB"):
        if size_bytes < 1000:
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.1f} TB"


def seconds_text(seconds: float) -> str:
    """``4.2 s`` below a minute, then ``3:07`` and ``1:02:33``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def age_text(at: datetime) -> str:
    """``12 s ago``, ``3 h ago``: coarse, for tables."""
    seconds = max(0.0, (datetime.now(UTC) - at).total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"
