"""What can go wrong in a render, by code. Raised by every room of the renderer, reported by the daemon and the CLI."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

RenderErrorCode = Literal[
    "asset_missing",
    "bad_manifest",
    "outside_roots",
    "too_many_clips",
    "encoder_failed",
    "unreadable_media",
    "disk_full",
    "check_failed",
    "ffmpeg_missing",
]


class RenderError(Exception):
    """A render cannot be done. ``pointer`` is a JSON pointer into the timeline document, where one fits."""

    def __init__(
        self, code: RenderErrorCode, message: str, *, hint: str | None = None, pointer: str | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.pointer = pointer

    def __str__(self) -> str:
        where = f"{self.pointer}: " if self.pointer else ""
        advice = f" ({self.hint})" if self.hint else ""
        return f"{where}{self.message}{advice}"


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a manifest, and where."""

    code: RenderErrorCode
    pointer: str | None
    message: str

    def __str__(self) -> str:
        return f"{self.pointer}: {self.message}" if self.pointer else self.message


class PlanError(RenderError):
    """Everything wrong with a manifest, found at once. The first problem gives code and pointer."""

    _SHOWN = 20

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = problems[0]
        rest = [str(problem) for problem in problems[1 : self._SHOWN]]
        if len(problems) > self._SHOWN:
            rest.append(f"and {len(problems) - self._SHOWN} more")
        super().__init__(first.code, "; ".join([first.message, *rest]), pointer=first.pointer)
        self.problems = tuple(problems)
