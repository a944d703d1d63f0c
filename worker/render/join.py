"""Puts the pieces of a render into one file by copying: nothing is encoded again. The engine calls ``join``.

Times are counted, not measured: frame n of the output begins at tick n times ticks per frame, whatever the pieces say.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from worker.render.cache import Note
from worker.render.encode import Encoding
from worker.render.errors import RenderError
from worker.render.ffmpeg import Ffmpeg
from worker.render.plan import Plan
from worker.render.process import Pause, run_ffmpeg

_LIST, _CHAPTERS = "pieces.txt", "chapters.txt"
_MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class JoinedPiece:
    """A piece of picture from output frame ``start`` to ``end``."""

    path: Path
    note: Note
    start: int
    end: int


async def join(
    ffmpeg: Ffmpeg,
    pieces: Sequence[JoinedPiece],
    sound: Path | None,
    *,
    plan: Plan,
    encoding: Encoding,
    target: Path,
    work: Path,
    pause: Pause,
) -> None:
    """Write ``target`` from ``pieces`` in order and ``sound``, if any, with the chapters and subtitles of ``plan``.

    RenderError if the pieces do not fit together.
    """
    if len({piece.note.header for piece in pieces}) > 1:
        raise RenderError("encoder_failed", f"{encoding.encoder} gave pieces that no one decoder can play in a row")
    (work / _LIST).write_text(_listed(pieces, plan.rate), encoding="utf-8")
    ahead = max(piece.note.reorder for piece in pieces)
    ticks = encoding.ticks
    # Pieces of a frame or two decode less far ahead than others: one count for all keeps times of decoding rising.
    counted = f"setts=pts=round(PTS/{ticks})*{ticks}:dts=(N-{ahead})*{ticks}:duration={ticks}"
    only = ["-protocol_whitelist", "file"]
    heard = [] if sound is None else [*only, "-i", f"file:{sound}"]
    words = _words(plan, encoding, work, first_input=2 if heard else 1)
    await run_ffmpeg(
        ffmpeg,
        [
            *("-y", "-copyts", *only, "-f", "concat", "-safe", "0", "-i", _LIST),
            *heard,
            *words.inputs,
            *("-map", "0:v", *(["-map", "1:a"] if heard else []), "-c", "copy", "-bsf:v", counted),
            *("-map_metadata:g", "-1", *words.outputs),
            *(*encoding.joined, f"file:{target}"),
        ],
        folder=work,
        on_frame=lambda _: None,
        pause=pause,
    )


@dataclass(frozen=True)
class _Words:
    """ffmpeg's arguments for chapters and subtitles."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def _words(plan: Plan, encoding: Encoding, work: Path, *, first_input: int) -> _Words:
    inputs: list[str] = []
    outputs: list[str] = []
    for number, subtitles in enumerate(plan.subtitles):
        (work / f"{number}.srt").write_text(subtitles.srt, encoding="utf-8")
        inputs += ["-f", "srt", "-i", f"{number}.srt"]
        outputs += ["-map", f"{first_input + number}:s", f"-metadata:s:s:{number}", f"language={subtitles.language}"]
    if plan.subtitles:
        outputs += ["-c:s", encoding.subtitles]
    if not plan.chapters:
        return _Words(tuple(inputs), (*outputs, "-map_chapters", "-1"))
    (work / _CHAPTERS).write_text(_chapters(plan), encoding="utf-8")
    inputs += ["-f", "ffmetadata", "-i", _CHAPTERS]
    return _Words(tuple(inputs), (*outputs, "-map_chapters", str(first_input + len(plan.subtitles))))


def _chapters(plan: Plan) -> str:
    """The script of ffmpeg's metadata format; what means something in it is escaped."""
    lines = [";FFMETADATA1"]
    begins = [chapter.start for chapter in plan.chapters]
    for chapter, end in zip(plan.chapters, [*begins[1:], plan.frames], strict=True):
        title = re.sub(r"([=;#\\\n])", r"\\\1", chapter.name)
        unit = f"{plan.rate.denominator}/{plan.rate.numerator}"
        lines += ["[CHAPTER]", f"TIMEBASE={unit}", f"START={chapter.start}", f"END={end}", f"title={title}"]
    return "\n".join([*lines, ""])


def _listed(pieces: Sequence[JoinedPiece], rate: Fraction) -> str:
    """The script of ffmpeg's concat format. Durations are rounded so that their sum stays right."""
    lines = ["ffconcat version 1.0"]
    for piece in pieces:
        begin, end = (round(frame * _MICROSECONDS / rate) for frame in (piece.start, piece.end))
        quoted = str(piece.path).replace("'", r"'\''")
        lines += [f"file 'file:{quoted}'", f"duration {end - begin}us"]
    return "\n".join([*lines, ""])
