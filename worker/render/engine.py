"""Renders a manifest to one verified file. The daemon and ``deskrun render`` call ``render``."""

import asyncio
import contextlib
import errno
import logging
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from schemas.renders import RenderManifest
from worker.checksums import Checksums, checksum_file
from worker.render.check import Checked, check_output
from worker.render.encode import Encoding, encodings
from worker.render.errors import RenderError
from worker.render.ffmpeg import Ffmpeg, encoder_problem
from worker.render.graph import PICTURE, SOUND, Graph, build_graph
from worker.render.plan import Plan, plan
from worker.render.process import run_ffmpeg

_log = logging.getLogger(__name__)
_SCRIPT = "graph.txt"
_FIRST_WITH_FILE_OPTIONS = 7
"""The release from which any option's value can be read from a file."""


@dataclass(frozen=True)
class RenderUpdate:
    """How far a render is. ``frames_done`` never falls; with two passes each counts for half."""

    phase: Literal["rendering", "checking"]
    frames_done: int
    frames_total: int
    fps: float | None
    eta_seconds: float | None


@dataclass(frozen=True)
class RenderResult:
    """A finished, checked file. ``crc32c`` as Cloud Storage writes it, ``sha256`` in hexadecimal."""

    path: Path
    size_bytes: int
    crc32c: str
    sha256: str
    frame_count: int
    duration_seconds: float
    video_codec: str
    encoder: str


async def render(
    manifest: RenderManifest,
    *,
    output: Path,
    roots: Sequence[Path],
    ffmpeg: Ffmpeg,
    on_update: Callable[[RenderUpdate], None],
    threads: int | None = None,
) -> RenderResult:
    """Render ``manifest`` to ``output``, reading media only below ``roots``.

    ``output`` appears complete and checked, or not at all. Cancelling the task stops ffmpeg within two seconds, removes
    what was written and raises CancelledError. Everything else that goes wrong is a RenderError.
    """
    the_plan = await asyncio.to_thread(plan, manifest, roots)
    for pointer, what in the_plan.ignored:
        _log.warning("not rendered: %s at %s", what, pointer, extra={"event": "timeline_feature_ignored"})
    if output.resolve() in the_plan.media_files:
        raise RenderError("bad_manifest", f"{output} is one of the render's own media files")
    choices = await asyncio.to_thread(
        encodings, manifest.preset, the_plan, lambda name: encoder_problem(ffmpeg, name), threads=threads
    )
    partial, work = Path(f"{output}.partial"), Path(f"{output}.work")
    job = _Job(manifest=manifest, plan=the_plan, ffmpeg=ffmpeg, partial=partial, work=work, on_update=on_update)
    try:
        _clear(partial, work)
        work.mkdir(parents=True)
        encoder = await job.encode(choices)
        on_update(RenderUpdate("checking", the_plan.frames, the_plan.frames, None, None))
        checked, sums = await asyncio.to_thread(_settle, partial, the_plan, manifest)
        partial.replace(output)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise RenderError("disk_full", "the disk is full", hint="free some space and render again") from error
        raise RenderError("encoder_failed", f"cannot write {output}: {error}") from error
    finally:
        _clear(partial, work)
    return RenderResult(
        path=output,
        size_bytes=sums.size_bytes,
        crc32c=sums.crc32c,
        sha256=sums.sha256,
        frame_count=checked.frame_count,
        duration_seconds=checked.duration_seconds,
        video_codec=checked.video_codec,
        encoder=encoder,
    )


def _settle(partial: Path, the_plan: Plan, manifest: RenderManifest) -> tuple[Checked, Checksums]:
    """Check the finished bytes, and have them on the disk before their name says that they are."""
    checked = check_output(partial, the_plan, manifest.preset)
    with partial.open("r+b") as file:
        os.fsync(file.fileno())
    return checked, checksum_file(partial)


def _clear(partial: Path, work: Path) -> None:
    with contextlib.suppress(OSError):  # what cannot be removed cannot be written either, and that is reported
        partial.unlink()
    shutil.rmtree(work, ignore_errors=True)


@dataclass(frozen=True, kw_only=True)
class _Job:
    manifest: RenderManifest
    plan: Plan
    ffmpeg: Ffmpeg
    partial: Path
    work: Path
    on_update: Callable[[RenderUpdate], None]

    async def encode(self, choices: Sequence[Encoding]) -> str:
        """Write the partial file; the name of the encoder that did. Hardware that fails yields to software."""
        *hopeful, last = choices
        for encoding in hopeful:
            try:
                await self._encode(encoding)
            except RenderError as error:
                if error.code != "encoder_failed":
                    raise
                _log.warning("%s failed, falling back", encoding.encoder, extra={"event": "encoder_fell_back"})
            else:
                return encoding.encoder
        await self._encode(last)
        return last.encoder

    async def _encode(self, encoding: Encoding) -> None:
        started = time.monotonic()
        runs = len(encoding.passes)
        for run, video in enumerate(encoding.passes):
            is_last = run == runs - 1
            graph = build_graph(self.plan, self.manifest.preset, with_sound=is_last)
            done = run * self.plan.frames

            def report(frame: int, done: int = done) -> None:
                self._report(done + min(frame, self.plan.frames), runs, time.monotonic() - started)

            arguments = self._arguments(graph, video, encoding if is_last else None)
            await run_ffmpeg(self.ffmpeg, arguments, folder=self.work, on_frame=report)

    def _report(self, encoded: int, runs: int, seconds: float) -> None:
        done = encoded // runs
        speed = encoded / runs / seconds if encoded and seconds > 0 else None
        eta = (self.plan.frames - encoded / runs) / speed if speed else None
        self.on_update(RenderUpdate("rendering", done, self.plan.frames, speed, eta))

    def _arguments(self, graph: Graph, video: tuple[str, ...], final: Encoding | None) -> list[str]:
        """Arguments of one run; ``final`` is None for a first pass, which has no sound and writes only statistics."""
        (self.work / _SCRIPT).write_text(graph.script, encoding="utf-8")
        is_old = (self.ffmpeg.major or _FIRST_WITH_FILE_OPTIONS) < _FIRST_WITH_FILE_OPTIONS
        from_file = "-filter_complex_script" if is_old else "-/filter_complex"
        rate = f"{self.plan.rate.numerator}/{self.plan.rate.denominator}"
        picture = ["-map", PICTURE, "-r", rate, "-frames:v", str(self.plan.frames), *video]
        if final is None:
            target = ["-f", "null", "-"]
        else:
            target = ["-map", SOUND, *final.audio, *final.muxer, f"file:{self.partial}"]
        # Nothing of the sources' metadata goes on: a phone's clip knows where it was taken.
        private = ["-map_metadata", "-1", "-map_chapters", "-1"]
        return ["-y", "-copyts", *graph.inputs, from_file, _SCRIPT, *picture, *private, *target]
