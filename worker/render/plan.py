"""What to show and play at which frame: a manifest lowered to layers and sounds. The engine calls ``plan``."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from schemas.deskrun_extension import Captions
from schemas.presets import RenderPreset
from schemas.renders import RenderManifest
from worker.render.captions import CaptionFile, caption_layers, plain, read_captions, srt_text
from worker.render.composition import ClipUse, Composite, Reading
from worker.render.errors import PlanError, Problem, RenderError
from worker.render.layers import Channel, Chapter, Layer, Loudness, Sound, Subtitles, shots_of
from worker.render.lowering import Lowering
from worker.render.probe import Media
from worker.render.sources import Source, Sources, Text
from worker.render.timeline import read_timeline
from worker.render.times import exact_rate, frame_at

MAX_FRAMES = 24 * 60 * 60 * 60
"""A day at 60 frames per second."""

_RATES = (5, 240)
"""Rates per second that can be a timeline's; others count milliseconds, samples or whole seconds."""
_DEFAULT_RATE = 24.0
_DEFAULT_SIZE = (1920, 1080)
_MAX_SIDE = 8192


@dataclass(frozen=True)
class Plan:
    """A whole render: ``frames`` frames at ``rate`` per second, ``layers`` from bottom to top, all ``sounds`` mixed.

    ``loudness`` is the target of the finished soundtrack. It takes two passes over the whole of it, so the graph does
    not do it: whoever renders the soundtrack does.
    """

    rate: Fraction
    width: int
    height: int
    frames: int
    layers: tuple[Layer, ...]
    sounds: tuple[Sound, ...]
    mixer: tuple[Channel, ...]
    loudness: Loudness | None
    ignored: tuple[tuple[str, str], ...]
    chapters: tuple[Chapter, ...] = ()
    subtitles: tuple[Subtitles, ...] = ()

    @property
    def media_files(self) -> set[Path]:
        """Every file that is read."""
        used: list[Source] = [sound.source for sound in self.sounds]
        used += [shot.source for layer in self.layers for span in layer.spans for shot in shots_of(span)]
        files = {source.font for source in used if isinstance(source, Text)}
        for source in used:
            if isinstance(source, Media):
                files |= {source.path} if source.frame_files is None else set(source.frame_files.files)
        return files


def plan(manifest: RenderManifest, roots: Sequence[Path]) -> Plan:
    """Lower ``manifest`` to frames, reading the headers of its media. PlanError lists every problem at once."""
    sources = Sources(manifest.asset_map, roots)
    reading = read_timeline(manifest.timeline, sources)
    files = list(_caption_files(reading, sources))
    if reading.problems or reading.root is None:
        raise PlanError(reading.problems)
    uses = list(_uses(reading.root))
    if not uses:
        raise RenderError("bad_manifest", "the timeline has no clips", pointer="/tracks")
    rate = _rate(manifest.preset, reading, uses)
    total = frame_at(reading.root.duration, rate)
    first = manifest.start_frame or 0
    last = min(total, total if manifest.end_frame is None else manifest.end_frame)
    if total > MAX_FRAMES:
        raise RenderError("bad_manifest", f"{total} frames are more than {MAX_FRAMES}", pointer="/tracks")
    if first >= last:
        raise RenderError("bad_manifest", f"nothing to render from frame {first} on: the timeline has {total} frames")
    lowering = Lowering(rate, first)
    window = (first, last)
    width, height = _size(manifest.preset, uses)
    layers = list(lowering.layers(reading.root, Fraction(0), window))
    for captions, file in files:
        if captions.mode == "burn":
            layers += caption_layers(file, sources, size=captions.size, rate=rate, window=window)
    sounds = tuple(lowering.sounds(reading.root, Fraction(0), window))
    marks = sorted(dict(lowering.marks(reading.root, Fraction(0), window)).items())
    wanted = reading.extension.loudness
    return Plan(
        rate=rate,
        width=width,
        height=height,
        frames=last - first,
        layers=tuple(layers),
        sounds=sounds,
        mixer=lowering.mixer(),
        loudness=None if wanted is None else Loudness(wanted.target_lufs, wanted.true_peak_db, wanted.range_lu),
        ignored=tuple(reading.ignored),
        chapters=tuple(Chapter(frame, name) for frame, name in marks),
        subtitles=tuple(
            Subtitles(
                captions.language, srt_text([plain(cue) for cue in file.cues], begin=first / rate, end=last / rate)
            )
            for captions, file in files
            if captions.mode == "mux"
        ),
    )


def _caption_files(reading: Reading, sources: Sources) -> Iterator[tuple[Captions, CaptionFile]]:
    for index, captions in enumerate(reading.extension.captions):
        try:
            yield captions, read_captions(sources.asset(captions.asset_id))
        except RenderError as error:
            pointer = f"/metadata/deskrun/captions/{index}"
            reading.problems.append(Problem(error.code, pointer, error.message))


def _uses(stack: Composite) -> Iterator[ClipUse]:
    for lane in stack.lanes:
        for element in lane.elements:
            if isinstance(element.content, ClipUse):
                yield element.content
            elif element.content is not None:
                yield from _uses(element.content)


def _rate(preset: RenderPreset, reading: Reading, uses: Sequence[ClipUse]) -> Fraction:
    """The preset's, else the timeline's own (start time, metadata, first clip), else the first moving picture's."""
    candidates: list[Any] = [reading.rate_hint, reading.document.metadata.get("default_rate")]
    clips = dict(reading.document.clips())
    ranges = [clips[use.pointer].source_range for use in uses]
    candidates += [used.duration.rate for used in ranges if used is not None][:1]
    pictures = [use.source.picture for use in uses if isinstance(use.source, Media) and use.source.duration]
    candidates += [float(picture.rate) for picture in pictures if picture and picture.rate][:1]
    if preset.video.framerate is not None:
        return exact_rate(preset.video.framerate)
    plausible = (c for c in candidates if isinstance(c, int | float) and _RATES[0] <= c <= _RATES[1])
    return exact_rate(next(plausible, _DEFAULT_RATE))


def _size(preset: RenderPreset, uses: Sequence[ClipUse]) -> tuple[int, int]:
    """The preset's size, else that of the first moving picture, else of the first still; even, for 4:2:0 needs it."""
    pictures = sorted(
        (use.source for use in uses if isinstance(use.source, Media) and use.source.picture),
        key=lambda media: media.duration is None,
    )
    width, height = _DEFAULT_SIZE
    if preset.video.width is not None and preset.video.height is not None:
        width, height = preset.video.width, preset.video.height
    elif pictures and pictures[0].picture is not None:
        width, height = pictures[0].picture.width, pictures[0].picture.height
    shrink = min(Fraction(1), Fraction(_MAX_SIDE, max(width, height)))
    return max(16, int(width * shrink) // 2 * 2), max(16, int(height * shrink) // 2 * 2)
