"""How far a render is: frames done in all its pieces, told as updates that never fall. The engine keeps one."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Phase = Literal["rendering", "joining", "checking"]


@dataclass(frozen=True)
class RenderUpdate:
    """How far a render is. ``frames_done`` never falls and counts cached frames; of two passes each counts for half.

    ``fps`` counts only frames encoded now, and ``eta_seconds`` is for the frames that are left.
    """

    phase: Phase
    frames_done: int
    frames_total: int
    fps: float | None
    eta_seconds: float | None
    frames_cached: int = 0


class Tally:
    """Adds up the pieces of one render and calls ``on_update``."""

    def __init__(self, frames_total: int, on_update: Callable[[RenderUpdate], None]) -> None:
        self._total = frames_total
        self._on_update = on_update
        self._cached = 0
        self._of_piece: dict[str, float] = {}
        self._highest = 0
        self._started: float | None = None

    def cached(self, frames: int) -> None:
        """``frames`` more need not be encoded."""
        self._cached += frames

    def start(self) -> None:
        """Encoding begins, maybe once more with another encoder; the clock of the speed runs from here."""
        self._of_piece.clear()
        self._cached = 0
        self._started = time.monotonic()

    def encoded(self, piece: str, frames: float) -> None:
        """The piece has so many frames encoded now."""
        self._of_piece[piece] = frames
        self.tell("rendering")

    def tell(self, phase: Phase) -> None:
        """An update, of what is known."""
        encoded = sum(self._of_piece.values())
        self._highest = max(self._highest, min(self._total, int(self._cached + encoded)))
        seconds = time.monotonic() - self._started if self._started is not None else 0
        fps = encoded / seconds if encoded and seconds else None
        eta = max(0.0, self._total - self._cached - encoded) / fps if fps else None
        if phase != "rendering":
            fps = eta = None
        self._on_update(RenderUpdate(phase, self._highest, self._total, fps, eta, self._cached))
