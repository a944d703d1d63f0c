"""Timelines of sound, of 60 frames or less at 30 per second."""

from typing import Any

from tests.support.media import MediaShelf
from tests.worker.render.corpus.picture_cuts import Builder, keys, ours, warp
from tests.worker.render.cuts import Node, clip, dissolve, gap, generator, timeline, track


def _alone(media: MediaShelf, frames: int = 40, *, effects: tuple[Node, ...] = (), **fields: Any) -> Node:
    one = clip(media.sound(440), 7, frames, metadata=ours(**fields), effects=list(effects))
    return timeline(track(gap(5), one, kind="Audio"))


SOUNDS: dict[str, Builder] = {
    "gain": lambda m: _alone(m, gain_db=-3.5),
    "swell": lambda m: _alone(m, gain_db=keys((0, -30), (0.7, 0), (1, -10), ease="ease-in")),
    "pan": lambda m: _alone(m, pan=-0.3),
    "moving_pan": lambda m: _alone(m, pan=keys((0.2, -1), (1, 1), ease=[0.4, 0, 0.2, 1])),
    "fades": lambda m: _alone(m, fade_in_seconds=0.4, fade_out_seconds=0.3),
    "fast": lambda m: _alone(m, effects=(warp(1.7),)),
    "slow": lambda m: _alone(m, effects=(warp(0.3),)),
    "reverse": lambda m: _alone(m, effects=(warp(-1),), gain_db=-6),
    "fast_reverse": lambda m: _alone(m, effects=(warp(-1.5),), fade_in_seconds=0.2),
    "loop": lambda m: timeline(
        track(clip(m.click(0.1, seconds=0.3), 2, 50, metadata=ours(loop=True, gain_db=-1)), kind="Audio")
    ),
    "crossfade": lambda m: timeline(
        track(clip(m.clip("red"), 3, 20), dissolve(6, 6), clip(m.clip("blue", hertz=880), 10, 20, metadata=ours(pan=1)))
    ),
    "tracks": lambda m: timeline(
        track(clip(generator("Tone", frequency=300), 0, 40), kind="Audio", metadata=ours(gain_db=-12)),
        track(gap(11), clip(m.sound(660, rate=22050), 4, 30), kind="Audio"),
    ),
}
