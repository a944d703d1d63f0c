"""What a bench found, and how it is shown. Every bench returns rows; ``tests/bench/__main__.py`` prints them."""

import math
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median

import psutil


@dataclass(frozen=True)
class Row:
    """One figure beside its peer's from the same run. ``ratio`` is the median of the pairs', not of the medians."""

    what: str
    ours: str
    peer: str
    ratio: float
    aim: str = ""
    met: bool | None = None
    """None where there is no aim."""


def ratio_of(ours: Sequence[float], peers: Sequence[float]) -> float:
    """The median of ours over peer's, pair by pair: what drifts with the machine drifts in both."""
    return median(mine / its for mine, its in zip(ours, peers, strict=True))


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that at least so many per cent of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def as_text(title: str, columns: tuple[str, str], rows: Sequence[Row]) -> str:
    """A Markdown table under its title."""
    head = ("what", *columns, "ratio", "aim")
    lines = [[row.what, row.ours, row.peer, f"{row.ratio:.2f}", _judged(row)] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(head, *lines, strict=True)]

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    rule = line(["-" * width for width in widths])
    return "\n".join([f"## {title}", "", line(head), rule, *map(line, lines), ""])


def machine() -> str:
    """Where and when, in one line."""
    memory = psutil.virtual_memory().total / 2**30
    load = psutil.getloadavg()[0]
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {platform.system()} {platform.machine()}, {psutil.cpu_count()} CPUs, "
        f"{memory:.0f} GiB, Python {platform.python_version()}, load {load:.1f} when it began"
    )


def _judged(row: Row) -> str:
    return row.aim if row.met is None else f"{row.aim}: {'met' if row.met else 'MISSED'}"
