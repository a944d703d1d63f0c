"""The two films of the render bench, as timelines for us and as one command for ffmpeg. ``render.py`` measures them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas.presets import AudioSettings, RenderPreset, VideoSettings
from tests.support.media import MediaShelf
from tests.worker.render.cuts import Node, clip, dissolve, generator, timeline, track

RATE = 30
PRESET = RenderPreset(
    name="bench",
    video=VideoSettings(width=1280, height=720, framerate=RATE, crf=23, preset="medium"),
    audio=AudioSettings(bitrate="160k"),
)
_ENCODED = ("-c:v", "libx264", "-preset", "medium", "-crf", "18", "-g", "60", "-pix_fmt", "yuv420p")
_HEARD = ("-c:a", "aac", "-b:a", "160k", "-ar", "48000", "-ac", "2")
_OUTPUT = ("-map", "[v]", "-map", "[a]", "-r", str(RATE), "-c:v", "libx264", "-preset", "medium", "-crf", "23")
_TAIL = ("-c:a", "aac", "-b:a", "160k", "-movflags", "+faststart")
_GAIN_DB = -10.4576
"""0.3 as decibels."""


@dataclass(frozen=True)
class Film:
    """``cut`` is ours, ``command`` ffmpeg's arguments up to the output's name."""

    name: str
    seconds: float
    cut: Node
    command: tuple[str, ...]


def sources(shelf: MediaShelf, seconds: int) -> list[Path]:
    """Three clips of ``seconds`` at 720p with a tone each: drawn, computed and tinted pictures."""
    pictures = (
        f"testsrc2=s=1280x720:r={RATE}:d={seconds}",
        f"mandelbrot=s=1280x720:r={RATE}",
        f"testsrc2=s=1280x720:r={RATE}:d={seconds},hue=h=120",
    )
    made = []
    for index, picture in enumerate(pictures):
        sound = f"sine={440 * (2 + index) // 2}:r=48000:d={seconds}"
        options = (*_ENCODED, *_HEARD, "-t", str(seconds))
        made.append(make(shelf, f"bench-{index}-{seconds}.mp4", [picture, sound], options))
    return made


def music(shelf: MediaShelf, seconds: int) -> Path:
    """A chord for a bed of music."""
    chord = (
        f"aevalsrc=0.3*sin(2*PI*220*t)+0.2*sin(2*PI*277*t)|0.3*sin(2*PI*220*t)+0.2*sin(2*PI*330*t):s=48000:d={seconds}"
    )
    return make(shelf, f"bench-music-{seconds}.m4a", [chord], ("-c:a", "aac", "-b:a", "160k"))


def make(shelf: MediaShelf, name: str, lavfi: Sequence[str], options: Sequence[str]) -> Path:
    """As ``MediaShelf.make``, with the patience that minutes of 720p ask for."""
    path = shelf.folder / name
    if not path.exists():
        inputs = [argument for source in lavfi for argument in ("-f", "lavfi", "-i", source)]
        shelf.run([*inputs, *options, f"file:{path}"], timeout_seconds=1200)
    return path


def short_film(clips: Sequence[Path], bed: Path, *, title: str = "Hello render") -> Film:
    """The 14 seconds of the research note: three clips, two half-second dissolves, a boxed title, music."""
    a, b, c = clips
    picture = track(clip(a, 0, 142), dissolve(7, 8), clip(b, 7, 135), dissolve(7, 8), clip(c, 7, 143))
    sound = track(clip(a, 0, 142), dissolve(7, 8), clip(b, 7, 135), dissolve(7, 8), clip(c, 7, 143), kind="Audio")
    words = generator("Text", text=title, size=0.09, box_color="#00000080", box_padding=0.022, y=0.84)
    titles = track({"OTIO_SCHEMA": "Gap.1", "source_range": clip(a, 0, 30)["source_range"]}, clip(words, 0, 120))
    cut = timeline(picture, titles, sound, _bed(bed, 420))
    font_free = "drawbox=x=(w-460)/2:y=560:w=460:h=90:color=black@0.5:t=fill:enable='gte(t,1)*lt(t,5)'"
    graph = (
        "[0:v]settb=AVTB,setsar=1[v0];[1:v]settb=AVTB,setsar=1[v1];[2:v]settb=AVTB,setsar=1[v2];"
        "[v0][v1]xfade=transition=fade:duration=0.5:offset=4.5[x1];"
        "[x1][v2]xfade=transition=fade:duration=0.5:offset=9[x2];"
        f"[x2]{font_free},format=yuv420p[v];"
        "[0:a][1:a]acrossfade=d=0.5[a1];[a1][2:a]acrossfade=d=0.5[a2];[3:a]atrim=0:14,volume=0.3[m];"
        "[a2][m]amix=inputs=2:duration=first:normalize=0[a]"
    )
    inputs = [word for path in (a, b, c, bed) for word in ("-i", str(path))]
    command = (*inputs, "-filter_complex", graph, *_OUTPUT, *_TAIL, "-t", "14")
    return Film("14 s, 3 clips", 14, cut, command)


def long_film(clips: Sequence[Path], bed: Path, *, count: int, changed: int | None = None) -> Film:
    """``count`` clips of ten seconds from changing places of the sources, cut hard, with music.

    Clip ``changed``, if any, begins one second later in its source.
    """
    picture, sound, inputs, links, chains = [], [], [], "", []
    for index in range(count):
        begin = (index * 37) % 190 // 10 + (1 if index == changed else 0)
        source = clips[index % len(clips)]
        picture.append(clip(source, begin * RATE, 10 * RATE))
        sound.append(clip(source, begin * RATE, 10 * RATE))
        inputs += ["-ss", str(begin), "-t", "10", "-i", str(source)]
        chains.append(f"[{index}:v]settb=AVTB,setsar=1[v{index}]")
        links += f"[v{index}][{index}:a]"
    cut = timeline(track(*picture), track(*sound, kind="Audio"), _bed(bed, count * 10 * RATE))
    chains.append(f"{links}concat=n={count}:v=1:a=1[p][s]")
    chains.append(f"[p]format=yuv420p[v];[{count}:a]atrim=0:{count * 10},volume=0.3[m]")
    chains.append("[s][m]amix=inputs=2:duration=first:normalize=0[a]")
    graph = ";".join(chains)
    command = (*inputs, "-i", str(bed), "-filter_complex", graph, *_OUTPUT, *_TAIL, "-t", str(count * 10))
    return Film(f"{count * 10} s, {count} clips", count * 10, cut, command)


def _bed(bed: Path, frames: int) -> Node:
    return track(clip(bed, 0, frames), kind="Audio", metadata={"deskrun": {"gain_db": _GAIN_DB}})
