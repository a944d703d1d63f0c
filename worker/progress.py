"""How far a job is, as one number, and when that is worth a report (schemas/PROTOCOL.md, section 2, row 6).

``worker/job_runner.py`` uses it; nothing here reads a clock.
"""

from dataclasses import dataclass

FETCHED_PERCENT = 5.0
RENDERED_PERCENT = 90.0
UPLOADED_PERCENT = 99.0
"""The last per cent is the server's: it looks at the object."""

CLOSEST_SECONDS = 1.0
SLOWEST_SECONDS = 5.0
STEP_PERCENT = 1.0


def within(start_percent: float, end_percent: float, done: int, total: int) -> float:
    """The overall per cent when ``done`` of ``total`` of a phase that goes from ``start_percent`` is done."""
    share = min(1.0, done / total) if total > 0 else 0.0
    return round(start_percent + (end_percent - start_percent) * share, 2)


@dataclass
class ReportPace:
    """At most one report a second, and only after a change of one per cent or after five seconds."""

    _percent: float = -100.0
    _at_seconds: float = float("-inf")
    _phase: str = ""

    def is_due(self, percent: float, phase: str, *, now_seconds: float) -> bool:
        """Whether to report now, on a monotonic clock; a yes is remembered. A new phase is always worth it."""
        age = now_seconds - self._at_seconds
        changed = percent - self._percent >= STEP_PERCENT
        due = phase != self._phase or (age >= CLOSEST_SECONDS and (changed or age >= SLOWEST_SECONDS))
        if due:
            self._percent, self._at_seconds, self._phase = percent, now_seconds, phase
        return due
