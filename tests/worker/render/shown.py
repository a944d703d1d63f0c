"""A timeline planned and drawn without an encoder: what the tests of single features look at."""

from array import array
from dataclasses import dataclass
from typing import Any

from tests.support.media import MediaShelf
from tests.worker.render import frames
from tests.worker.render.corpus.picture_cuts import PRESET
from tests.worker.render.cuts import Node, manifest
from tests.worker.render.look import RGB, close
from worker.render.plan import Plan, plan


@dataclass(frozen=True)
class Shown:
    """A plan and its frames as ``rgb24``."""

    plan: Plan
    frames: list[bytes]

    def at(self, frame: int, x: float = 0.5, y: float = 0.5) -> RGB:
        return frames.color_at(self.frames[frame], self.plan, x, y)

    def is_at(self, color: RGB, frame: int, x: float = 0.5, y: float = 0.5, *, slack: int = 12) -> bool:
        return close(self.at(frame, x, y), color, slack)

    def number(self, frame: int) -> int:
        """The number in the bars of a ``MediaShelf.numbered`` frame."""
        return sum((self.at(frame, (bit + 0.5) / 8)[1] > 125) << bit for bit in range(8))


def planned(cut: Node, media: MediaShelf, **fields: Any) -> Plan:
    return plan(manifest(cut, **{"preset": PRESET, **fields}), [media.folder])


def show(cut: Node, media: MediaShelf, **fields: Any) -> Shown:
    made = planned(cut, media, **fields)
    return Shown(made, frames.colors(made, media.ffmpeg, preset=PRESET))


def hear(cut: Node, media: MediaShelf, **fields: Any) -> tuple[list[float], list[float]]:
    """The left and the right channel from -1 to 1, without an encoder."""
    samples = array("f", frames.samples(planned(cut, media, **fields), media.ffmpeg, preset=PRESET))
    return list(samples[0::2]), list(samples[1::2])
