"""What a render would cost before it is begun: pieces in the cache and to make, time, size, room on the disk.

``deskrun plan`` calls ``estimate``. Time and size go by what this machine measured with the same encoder arguments;
before the first such render they are a guess, and say so.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas.presets import RenderPreset, VideoCodec
from schemas.renders import RenderManifest
from worker.render.cache import SegmentCache
from worker.render.encode import SPEEDS, Encoding, bits_per_second
from worker.render.engine import Recipe, choose, speed_name, write_recipe
from worker.render.ffmpeg import Ffmpeg
from worker.render.ledger import Speed
from worker.render.plan import Plan, plan

_PIXELS_PER_SECOND_AND_CORE = {
    VideoCodec.H264: 40e6,
    VideoCodec.H265: 6e6,
    VideoCodec.PRORES: 40e6,
    VideoCodec.VP9: 4e6,
    VideoCodec.AV1: 8e6,
}
"""At the speed ``medium``; measured with libx264 on a machine of two cores, the others set beside it."""
_SLOWNESS = dict(zip(SPEEDS, (0.36, 0.48, 0.61, 0.78, 0.91, 1, 1.5, 2.8, 5.5), strict=True))
"""Time of each speed of libx264, in times of ``medium`` (measured up to ``slow``)."""
_BITS_PER_PIXEL = 0.1
_MIDDLE_CRF, _CRF_OF_HALF = 23, 6
"""Usual films take about so many bits at this crf, and half of them with so much more of it."""
_SOUND_REALTIME = 80
"""Seconds of sound that are mixed and encoded in one second."""
_JOIN_BYTES_PER_SECOND = 150e6
"""Copied, checked and summed up."""


@dataclass(frozen=True)
class PlannedSegment:
    """Output frames ``start`` to ``end``, half-open; ``cached_bytes`` is None where they have to be encoded."""

    start: int
    end: int
    cached_bytes: int | None


@dataclass(frozen=True)
class Estimate:
    """A render before it is begun. ``is_measured`` tells estimates of time and size from guesses."""

    plan: Plan
    encoding: Encoding
    segments: tuple[PlannedSegment, ...]
    sound_is_cached: bool
    seconds: float
    size_bytes: int
    disk_bytes: int
    is_measured: bool

    @property
    def frames_to_encode(self) -> int:
        """Output frames that are not in the cache."""
        return sum(segment.end - segment.start for segment in self.segments if segment.cached_bytes is None)


def estimate(
    manifest: RenderManifest, *, roots: Sequence[Path], ffmpeg: Ffmpeg, cache: SegmentCache, threads: int | None = None
) -> Estimate:
    """Plan ``manifest`` and look what is there of it. Reads media and encodes only tests; errors as of ``render``."""
    the_plan = plan(manifest, roots)
    encoding = choose(manifest, the_plan, ffmpeg, threads)[0]
    recipe = write_recipe(the_plan, encoding, ffmpeg, cache)
    segments = tuple(PlannedSegment(part.start, part.end, cache.has(key)) for key, part in recipe.pieces)
    known = cache.ledger.speed(speed_name(encoding))
    speed = known or _guess(the_plan, manifest.preset)
    return _summed(recipe, the_plan, speed, segments, cache=cache, is_measured=known is not None)


def _summed(
    recipe: Recipe,
    the_plan: Plan,
    speed: Speed,
    segments: tuple[PlannedSegment, ...],
    *,
    cache: SegmentCache,
    is_measured: bool,
) -> Estimate:
    pixels = the_plan.width * the_plan.height
    sound_seconds = float(the_plan.frames / the_plan.rate)
    sound_rate = bits_per_second(recipe.encoding.audio[recipe.encoding.audio.index("-b:a") + 1])
    sound_bytes = int(sound_seconds * sound_rate / 8)
    sound_is_cached = cache.has(recipe.sound[0]) is not None
    missing = sum(part.end - part.start for part in segments if part.cached_bytes is None)
    new_bytes = int(missing * pixels * speed.bits_per_pixel / 8)
    size = new_bytes + sum(part.cached_bytes or 0 for part in segments) + sound_bytes
    # The sound is made beside the picture, and mostly done before it.
    encoding_seconds = missing * pixels / speed.pixels_per_second
    sounding_seconds = 0 if sound_is_cached else sound_seconds / _SOUND_REALTIME
    return Estimate(
        plan=the_plan,
        encoding=recipe.encoding,
        segments=segments,
        sound_is_cached=sound_is_cached,
        seconds=max(encoding_seconds, sounding_seconds) + size / _JOIN_BYTES_PER_SECOND,
        size_bytes=size,
        disk_bytes=size + new_bytes + (0 if sound_is_cached else sound_bytes),
        is_measured=is_measured,
    )


def _guess(the_plan: Plan, preset: RenderPreset) -> Speed:
    video = preset.video
    cores = os.cpu_count() or 1
    pixels = _PIXELS_PER_SECOND_AND_CORE[video.codec] * cores / _SLOWNESS[video.preset]
    ceiling = bits_per_second(video.bitrate) if video.bitrate else float("inf")
    at_bitrate = ceiling / float(the_plan.rate * the_plan.width * the_plan.height)
    by_quality = _BITS_PER_PIXEL * 2 ** ((_MIDDLE_CRF - (video.crf or _MIDDLE_CRF)) / _CRF_OF_HALF)
    bits = min(by_quality, at_bitrate) if video.crf is not None and not video.two_pass else at_bitrate
    return Speed(pixels / (2 if video.two_pass else 1), bits if bits != float("inf") else by_quality)
