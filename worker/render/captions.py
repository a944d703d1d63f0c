"""Caption files, SRT and ASS: read, and put on top of a plan as layers that change only where a caption does.

The planner calls it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from schemas.deskrun_extension import TextParameters
from worker.render.errors import RenderError
from worker.render.layers import Cut, Layer, Shot
from worker.render.sources import Source, Sources, SubtitleScript
from worker.render.times import frame_at

MAX_BYTES = 4 * 1024 * 1024
MAX_CUES = 20_000

_SRT_TIMES = re.compile(r"(\d+):(\d\d):(\d\d)[,.](\d{1,3})\s*-->\s*(\d+):(\d\d):(\d\d)[,.](\d{1,3})")
_ASS_TIMES = re.compile(r"^Dialogue:[^,]*,\s*(\d+):(\d\d):(\d\d)\.(\d\d)\s*,\s*(\d+):(\d\d):(\d\d)\.(\d\d)\s*,")
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|\{\\[^{}]*\}")


@dataclass(frozen=True)
class Cue:
    """A caption from ``start`` to ``end`` in seconds. ``text`` is plain, or a whole ``Dialogue`` line of ASS."""

    start: Fraction
    end: Fraction
    text: str


@dataclass(frozen=True)
class CaptionFile:
    """A caption file's cues in order of time. ``header`` is what comes before the events of an ASS file, else None."""

    cues: tuple[Cue, ...]
    header: str | None


def read_captions(path: Path) -> CaptionFile:
    """The captions of ``path``; RenderError ``unreadable_media`` if it is neither SRT nor ASS."""
    if path.stat().st_size > MAX_BYTES:
        raise RenderError("unreadable_media", f"{path.name} is too large for a caption file")
    try:
        text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise RenderError("unreadable_media", f"{path.name} is not UTF-8 text") from error
    is_ass = text.lstrip().startswith("[Script Info]")
    cues = sorted(_ass_cues(text) if is_ass else _srt_cues(text), key=lambda cue: (cue.start, cue.end))
    if not cues or len(cues) > MAX_CUES:
        found = f"{len(cues)} captions, more than {MAX_CUES}" if cues else "no captions in SRT or ASS"
        raise RenderError("unreadable_media", f"{path.name} has {found}")
    return CaptionFile(tuple(cues), _header(text) if is_ass else None)


def _header(text: str) -> str:
    return "\n".join(line for line in text.split("\n") if not line.startswith(("Dialogue:", "Comment:"))).rstrip()


def _ass_cues(text: str) -> Iterator[Cue]:
    for line in text.split("\n"):
        found = _ASS_TIMES.match(line)
        if found:
            start, end = (_seconds(found.groups()[at : at + 4], 100) for at in (0, 4))
            if start < end:
                yield Cue(start, end, line)


def _srt_cues(text: str) -> Iterator[Cue]:
    for block in re.split(r"\n\s*\n", text):
        lines = block.strip().split("\n")
        at = next((index for index, line in enumerate(lines[:2]) if _SRT_TIMES.search(line)), None)
        found = None if at is None else _SRT_TIMES.search(lines[at])
        if at is None or found is None:
            continue
        start, end = (_seconds(found.groups()[part : part + 4], 1000) for part in (0, 4))
        words = _TAG.sub("", "\n".join(lines[at + 1 :])).strip()
        if start < end and words:
            yield Cue(start, end, words)


def _seconds(parts: Sequence[str], fractions: int) -> Fraction:
    hours, minutes, seconds = (int(part) for part in parts[:3])
    return (
        hours * 3600 + minutes * 60 + seconds + Fraction(int(parts[3].ljust(len(str(fractions)) - 1, "0")), fractions)
    )


def caption_layers(
    file: CaptionFile, sources: Sources, *, size: float, rate: Fraction, window: tuple[int, int]
) -> Iterator[Layer]:
    """Layers that show the captions in the frames of ``window``: one picture per time in which no cue comes or goes."""
    timed = [(frame_at(cue.start, rate), frame_at(cue.end, rate), cue) for cue in file.cues]
    changes = sorted({frame for start, end, _ in timed for frame in (start, end)})
    waiting, active = list(reversed(timed)), list[tuple[int, int, Cue]]()
    for start, end in pairwise(changes):
        while waiting and waiting[-1][0] <= start:
            active.append(waiting.pop())
        active = [cue for cue in active if cue[1] > start]
        first, last = max(start, window[0]), min(end, window[1])
        if active and first < last:
            source = _source(file.header, [cue for _, _, cue in active], sources, size)
            begin = first / rate if isinstance(source, SubtitleScript) else Fraction(0)
            shot = Shot(source, first - window[0], last - first, begin, Fraction(1))
            yield Layer((Cut(first - window[0], last - window[0], shot),))


def _source(header: str | None, cues: Sequence[Cue], sources: Sources, size: float) -> Source:
    if header is not None:
        return SubtitleScript("\n".join([header, *(cue.text for cue in cues), ""]))
    wanted = TextParameters(
        text="\n".join(cue.text for cue in cues)[:5000],
        size=size,
        outline=min(0.1, size / 16),
        y=0.95,
        vertical_align="bottom",
    )
    return sources.text(wanted)


def srt_text(cues: Sequence[Cue], *, begin: Fraction, end: Fraction) -> str:
    """The plain cues between two times as an SRT file whose time 0 is ``begin``."""
    kept = [(max(cue.start, begin) - begin, min(cue.end, end) - begin, cue.text) for cue in cues]
    lines = [
        f"{number}\n{_clock(start)} --> {_clock(stop)}\n{text}\n"
        for number, (start, stop, text) in enumerate(((a, b, c) for a, b, c in kept if a < b), start=1)
    ]
    return "\n".join(lines)


def _clock(seconds: Fraction) -> str:
    milliseconds = round(seconds * 1000)
    return (
        f"{milliseconds // 3_600_000:02d}:{milliseconds // 60_000 % 60:02d}:"
        f"{milliseconds // 1000 % 60:02d},{milliseconds % 1000:03d}"
    )


def plain(cue: Cue) -> Cue:
    """An ASS cue with the text that it shows; a plain one as it is."""
    if not cue.text.startswith("Dialogue:"):
        return cue
    text = cue.text.split(",", 9)[-1]
    return Cue(cue.start, cue.end, _TAG.sub("", text).replace(r"\N", "\n").replace(r"\n", "\n").replace(r"\h", " "))
