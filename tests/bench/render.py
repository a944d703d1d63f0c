"""``make bench-render``: renders beside one ffmpeg pass and other peers, in the same run, as medians and ratios.

``--rounds`` and ``--clips`` make it shorter; ``--moviepy`` names a Python of a venv of its own that has MoviePy.
"""

import argparse
import asyncio
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psutil

from tests.bench.render_media import PRESET, Film, long_film, music, short_film, sources
from tests.support.media import MediaShelf
from tests.worker.render.cuts import Node, manifest
from worker.render.cache import SegmentCache
from worker.render.engine import render
from worker.render.ffmpeg import find_ffmpeg
from worker.render.tally import RenderUpdate

_SAMPLE_SECONDS = 0.1
_MEBIBYTE = 1024 * 1024
MOVIEPY = """
import sys
from moviepy import AudioFileClip, CompositeAudioClip, CompositeVideoClip, VideoFileClip, afx, vfx
*names, bed, out = sys.argv[1:]
placed, at = [], 0
for index, name in enumerate(names):
    clip = VideoFileClip(name).subclipped(0, 5).with_start(at)
    if index:
        clip = clip.with_effects([vfx.CrossFadeIn(.5), afx.AudioFadeIn(.5)])
    if index < 2:
        clip = clip.with_effects([afx.AudioFadeOut(.5)])
    placed.append(clip)
    at += clip.duration - .5
film = CompositeVideoClip(placed, size=(1280, 720)).with_duration(at + .5)
bed = AudioFileClip(bed).subclipped(0, at + .5).with_effects([afx.MultiplyVolume(.3)])
film.with_audio(CompositeAudioClip([film.audio, bed])).write_videofile(
    out, fps=30, codec="libx264", preset="medium", audio_codec="aac", audio_bitrate="160k", audio_fps=48000,
    ffmpeg_params=["-crf", "23", "-pix_fmt", "yuv420p", "-movflags", "+faststart"], logger=None)
"""


@dataclass
class Measured:
    """Wall seconds of every round, and the highest memory of the process and its children seen in any."""

    seconds: list[float] = field(default_factory=list)
    peak_bytes: int = 0

    @property
    def median(self) -> float:
        """Of the rounds."""
        return statistics.median(self.seconds)


class Bench:
    """Runs and times; ``own`` memory counts where the work is done in this process, as a desk does it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shelf = MediaShelf(folder, find_ffmpeg())
        self.results: dict[str, Measured] = {}

    def time(self, name: str, work: Callable[[], object]) -> None:
        """Do ``work`` once more under ``name``."""
        measured = self.results.setdefault(name, Measured())
        over = threading.Event()
        sampler = threading.Thread(target=_sample, args=(measured, over))
        sampler.start()
        started = time.perf_counter()
        try:
            work()
        finally:
            measured.seconds.append(time.perf_counter() - started)
            over.set()
            sampler.join()

    def ours(self, cut: Node, cache: Path, *, output: str = "ours.mp4", previews: Path | None = None) -> None:
        """Our render, in this process, into the same output as before."""
        asyncio.run(
            render(
                manifest(cut, preset=PRESET),
                output=self.folder / output,
                roots=[self.folder],
                ffmpeg=self.shelf.ffmpeg,
                on_update=lambda _: None,
                cache=SegmentCache(cache),
                previews=previews,
            )
        )

    def ffmpeg(self, film: Film) -> None:
        """One pass."""
        command = [str(self.shelf.ffmpeg.path), "-y", "-nostdin", "-v", "error", *film.command]
        subprocess.run([*command, str(self.folder / "ffmpeg.mp4")], check=True)

    def show(self, title: str, names: list[str], base: str) -> None:
        """Medians, spread, ratio to ``base`` and memory."""
        _say(f"\n{title}\n{'':34}{'median s':>9}{'min':>8}{'max':>8}{'ratio':>8}{'peak MiB':>10}{'rounds':>8}")
        for name in names:
            if name in self.results:
                found = self.results[name]
                ratio = found.median / self.results[base].median
                spread = f"{min(found.seconds):8.2f}{max(found.seconds):8.2f}"
                peak = f"{found.peak_bytes / _MEBIBYTE:10.0f}"
                _say(f"{name:34}{found.median:9.2f}{spread}{ratio:8.3f}{peak}{len(found.seconds):8}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _sample(measured: Measured, over: threading.Event) -> None:
    process = psutil.Process()
    while not over.wait(_SAMPLE_SECONDS):
        total = 0
        for each in [process, *process.children(recursive=True)]:
            try:
                info = each.memory_full_info()
                total += getattr(info, "pss", info.uss)
            except psutil.Error:
                continue
        measured.peak_bytes = max(measured.peak_bytes, total)


def short(bench: Bench, rounds: int, moviepy: Path | None) -> None:
    """The 14 seconds, with everything that can be changed in them."""
    clips, bed = sources(bench.shelf, 5), music(bench.shelf, 20)
    other = sources(bench.shelf, 6)
    film = short_film(clips, bed)
    retitled, recut = short_film(clips, bed, title="Another"), short_film([clips[0], other[1], clips[2]], bed)
    rescored = short_film(clips, music(bench.shelf, 21))
    for number in range(rounds):
        cache = bench.folder / f"cache-{number}"
        bench.time("ffmpeg, one pass", lambda: bench.ffmpeg(film))
        bench.time("deskrun, from nothing", partial(bench.ours, film.cut, cache))
        bench.time("deskrun, nothing changed", partial(bench.ours, film.cut, cache))
        bench.time("deskrun, other title", partial(bench.ours, retitled.cut, cache))
        bench.time("deskrun, other music", partial(bench.ours, rescored.cut, cache))
        bench.time("deskrun, other second clip", partial(bench.ours, recut.cut, cache))
        bench.time("deskrun, first preview frame", lambda: first_frame(bench, film.cut))
        bench.time("deskrun, cancel", lambda: None)
        bench.results["deskrun, cancel"].seconds[-1] = cancel_seconds(bench, film.cut)
        if moviepy is not None:
            arguments = [str(moviepy), "-c", MOVIEPY, *map(str, [*clips, bed, bench.folder / "moviepy.mp4"])]
            bench.time("MoviePy (no title)", partial(subprocess.run, arguments, check=True))
        if melt := shutil.which("melt"):
            bench.time("melt (no title)", partial(_melt, bench, melt, clips, bed))
    bench.show(film.name, list(bench.results), "ffmpeg, one pass")
    bench.results.clear()


def _melt(bench: Bench, melt: str, clips: list[Path], bed: Path) -> None:
    mix = ["-mix", "15", "-mixer", "luma", "-mixer", "mix:-1"]
    picture = [word for index, path in enumerate(clips) for word in (str(path), "in=0", "out=149", *mix * bool(index))]
    heard = ["-audio-track", str(bed), "in=0", "out=419", "-attach-clip", "volume", "gain=0.3"]
    both = ["-transition", "mix:-1", "a_track=0", "b_track=1", "always_active=1", "sum=1"]
    encoded = ["real_time=-1", "vcodec=libx264", "preset=medium", "crf=23", "acodec=aac", "ab=160k", "ar=48000"]
    consumer = ["-consumer", f"avformat:{bench.folder / 'melt.mp4'}", *encoded, "terminate_on_pause=1"]
    start = [melt, "-silent", "-profile", "atsc_720p_30", "-track"]
    subprocess.run([*start, *picture, *heard, *both, *consumer], check=True)


def first_frame(bench: Bench, cut: Node) -> None:
    """From the call to a poster on the disk; the rest of the render is given up."""

    async def until_poster(folder: Path) -> None:
        task = asyncio.create_task(_start(bench, cut, folder / "cache", folder))
        while not (folder / "poster.jpg").exists():  # noqa: ASYNC110 - what is waited for is on the disk
            await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.wait({task})

    with tempfile.TemporaryDirectory(dir=bench.folder) as folder:
        asyncio.run(until_poster(Path(folder)))


def cancel_seconds(bench: Bench, cut: Node) -> float:
    """From the cancel of a render that is encoding to its end."""

    async def cancelled(folder: Path) -> float:
        encoding = asyncio.Event()
        task = asyncio.create_task(
            _start(bench, cut, folder, None, lambda update: encoding.set() if update.frames_done else None)
        )
        await encoding.wait()
        started = time.perf_counter()
        task.cancel()
        await asyncio.wait({task})
        return time.perf_counter() - started

    with tempfile.TemporaryDirectory(dir=bench.folder) as folder:
        return asyncio.run(cancelled(Path(folder)))


async def _start(
    bench: Bench,
    cut: Node,
    cache: Path,
    previews: Path | None,
    on_update: Callable[[RenderUpdate], None] = lambda _: None,
) -> None:
    await render(
        manifest(cut, preset=PRESET),
        output=bench.folder / "given-up.mp4",
        roots=[bench.folder],
        ffmpeg=bench.shelf.ffmpeg,
        on_update=on_update,
        cache=SegmentCache(cache),
        previews=previews,
    )


def long(bench: Bench, rounds: int, count: int) -> None:
    """Many clips: what an edit costs, and whether memory grows with them."""
    clips, bed = sources(bench.shelf, 30), music(bench.shelf, count * 10)
    film, changed = long_film(clips, bed, count=count), long_film(clips, bed, count=count, changed=count // 2)
    for number in range(rounds):
        cache = bench.folder / f"long-cache-{number}"
        bench.time("ffmpeg, one pass", lambda: bench.ffmpeg(film))
        bench.time("deskrun, from nothing", partial(bench.ours, film.cut, cache))
        bench.time("deskrun, nothing changed", partial(bench.ours, film.cut, cache))
        bench.time("deskrun, one clip changed", partial(bench.ours, changed.cut, cache))
        shutil.rmtree(cache)
    bench.show(film.name, list(bench.results), "ffmpeg, one pass")
    bench.results.clear()


def main() -> None:
    """Both films."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--clips", type=int, default=60, help="ten-second clips of the long film; 0 leaves it out")
    options.add_argument("--folder", type=Path, help="keeps the media between runs")
    options.add_argument("--moviepy", type=Path, help="a Python that has MoviePy")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(exist_ok=True)
        bench = Bench(folder)
        _say(f"ffmpeg {bench.shelf.ffmpeg.version}, {psutil.cpu_count()} cores, Python {sys.version.split()[0]}")
        short(bench, given.rounds, given.moviepy)
        if given.clips:
            long(bench, given.rounds, given.clips)


if __name__ == "__main__":
    main()
