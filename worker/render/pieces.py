"""Makes the pieces of a render, one ffmpeg each, and puts them into the cache. The engine and the previews use it."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas.presets import RenderPreset
from worker.render.cache import Bench
from worker.render.check import check_piece
from worker.render.encode import Encoding
from worker.render.errors import RenderError
from worker.render.ffmpeg import Ffmpeg
from worker.render.graph import PICTURE, Graph, build_graph
from worker.render.ledger import looks
from worker.render.plan import Plan
from worker.render.process import Pause, run_ffmpeg
from worker.render.witness import refuse_black

PRIVATE = ("-map_metadata", "-1", "-map_chapters", "-1")
"""Nothing of the sources' metadata goes on: a phone's clip knows where it was taken."""

_SCRIPT = "graph.txt"
_FIRST_WITH_FILE_OPTIONS = 7
"""The release from which any option's value can be read from a file."""


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """What making pieces needs. ``work`` is a folder of the render's own, beside its output."""

    preset: RenderPreset
    ffmpeg: Ffmpeg
    bench: Bench
    work: Path
    pause: Pause

    async def picture(self, key: str, plan: Plan, encoding: Encoding, *, on_frames: Callable[[float], None]) -> None:
        """Encode ``plan`` as the piece ``key`` and admit it. ``on_frames`` hears how many frames are encoded."""
        before = await asyncio.to_thread(_looks_of, plan)
        graph = build_graph(plan, self.preset, with_sound=False)
        runs = len(encoding.passes)
        for run, arguments in enumerate(encoding.passes):

            def report(frame: int, run: int = run) -> None:
                on_frames((run * plan.frames + min(frame, plan.frames)) / runs)

            rate = f"{plan.rate.numerator}/{plan.rate.denominator}"
            shown = ["-map", PICTURE, "-r", rate, "-frames:v", str(plan.frames), *arguments, *PRIVATE]
            target = encoding.piece if run == runs - 1 else ("-f", "null")
            place = f"file:{self.bench.path(key)}" if run == runs - 1 else "-"
            await self.run(key, graph, [*shown, *target, place], on_frame=report)
        piece = await asyncio.to_thread(check_piece, self.bench.path(key), plan.frames, plan.rate)
        await asyncio.to_thread(refuse_black, self.bench.path(key), plan)
        await asyncio.to_thread(_refuse_change, before)
        await asyncio.to_thread(self.bench.admit, key, reorder=piece.reorder, header=piece.header)
        on_frames(plan.frames)

    async def run(
        self,
        name: str,
        graph: Graph,
        arguments: Sequence[str],
        *,
        on_frame: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Run ffmpeg on ``graph``, in a folder named for the piece."""
        folder = self.work / f"{name}.work"
        folder.mkdir(exist_ok=True)
        for file, text in ((_SCRIPT, graph.script), *graph.files):
            (folder / file).write_text(text, encoding="utf-8")
        is_old = (self.ffmpeg.major or _FIRST_WITH_FILE_OPTIONS) < _FIRST_WITH_FILE_OPTIONS
        from_file = "-filter_complex_script" if is_old else "-/filter_complex"
        command = ["-y", "-copyts", *graph.inputs, from_file, _SCRIPT, *arguments]
        await run_ffmpeg(self.ffmpeg, command, folder=folder, on_frame=on_frame, pause=self.pause)


def _looks_of(plan: Plan) -> dict[Path, str]:
    return {path: looks(path) for path in plan.media_files}


def _refuse_change(before: dict[Path, str]) -> None:
    """A piece goes by the content its media had; with other media it would be a lie for ever."""
    for path, seen in before.items():
        if looks(path) != seen:
            raise RenderError("unreadable_media", f"{path.name} changed while it was rendered", hint="render again")
