"""The demo's media: encoded on the spot by the ffmpeg of this machine, or the person's own. For ``deskrun demo``."""

import asyncio
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from worker.render.errors import RenderError
from worker.render.ffmpeg import Ffmpeg, child_environment
from worker.render.probe import Media, read_media

SIZE = "1280x720"
RATE = 30
CLIP_SECONDS = 4
MUSIC_SECONDS = 12
MIN_MUSIC_SECONDS = 1
MAX_VIDEOS = 6
MAX_FILES = 500
"""A folder is looked through, not a disk."""


@dataclass(frozen=True)
class DemoMedia:
    """What the cut is made of: pictures in order, one picture to lay over them, one piece of music."""

    pictures: Sequence[Media]
    overlay: Media
    music: Media

    @property
    def paths(self) -> list[Path]:
        """Every file once."""
        return list(dict.fromkeys(media.path for media in (*self.pictures, self.overlay, self.music)))


@dataclass(frozen=True)
class _Recipe:
    """A file and the ffmpeg arguments that make it."""

    name: str
    arguments: tuple[str, ...]


def _clip(name: str, picture: str, sound: str) -> _Recipe:
    inputs = ("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound)
    video = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-pix_fmt", "yuv420p")
    sound_code = ("-c:a", "aac", "-b:a", "128k")
    return _Recipe(name, (*inputs, "-t", str(CLIP_SECONDS), *video, *sound_code))


def _gradient(kind: str, colors: Sequence[str], speed: float) -> str:
    named = ":".join(f"c{index}={color}" for index, color in enumerate(colors))
    # Drawn small and enlarged: it is smooth anyway, and six times faster.
    drawn = f"gradients=s=320x180:r={RATE}:n={len(colors)}:{named}:speed={speed}:type={kind}:seed=4"
    return f"{drawn},scale={SIZE.replace('x', ':')}:flags=bicubic"


def _plucked(hertz: float) -> str:
    """A soft note every second."""
    return f"aevalsrc=exprs='0.25*sin(2*PI*{hertz}*t)*exp(-3*mod(t,1))*min(1,mod(t,1)*50)':s=48000"


_CELLS = (
    f"life=s=320x180:r={RATE}:mold=20:ratio=0.12:seed=7"
    ":life_color=#ffd166:death_color=#073b4c:mold_color=#118ab2,scale=1280:720:flags=neighbor"
)
_RING = (
    "color=c=white:s=1280x720,format=rgba,geq=r=255:g=255:b=255:a='"
    "210*between(hypot(X-1152,Y-592),34,44)+210*between(abs(X-1152)+abs(Y-592),0,20)"
    "+150*between(hypot(X-1152,Y-592),52,55)'"
)


def _music() -> _Recipe:
    """Three notes a fifth and a sixth apart, that move up a fourth and back every two seconds."""
    step = "pow(2,floor(mod(t/2,2))*5/12)"
    notes = "+".join(f"{level}*sin(2*PI*t*{hertz}*{step})" for hertz, level in ((130.81, 1), (196.0, 1), (329.63, 0.8)))
    channel = f"0.09*({notes})*exp(-0.9*mod(t,2))*min(1,mod(t,2)*40)"
    source = f"aevalsrc=exprs='{channel}|{channel}':s=48000:d={MUSIC_SECONDS}"
    return _Recipe("music.m4a", ("-f", "lavfi", "-i", source, "-c:a", "aac", "-b:a", "160k"))


_RECIPES = (
    _clip("dawn.mp4", _gradient("linear", ("#0b1d3a", "#1b6ca8", "#f2a65a", "#f25f5c"), 0.02), _plucked(261.63)),
    _clip("cells.mp4", _CELLS, _plucked(329.63)),
    _clip("dusk.mp4", _gradient("spiral", ("#10002b", "#7b2cbf", "#e0aaff"), 0.03), _plucked(392.0)),
    _Recipe("ring.png", ("-f", "lavfi", "-i", _RING, "-frames:v", "1")),
    _music(),
)


async def make_media(ffmpeg: Ffmpeg, folder: Path) -> tuple[DemoMedia, int]:
    """The demo's own files in ``folder``, and how many had to be made. RenderError ``encoder_failed``."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [recipe for recipe in _RECIPES if not (folder / recipe.name).exists()]
    for recipe in missing:
        await _make(ffmpeg, folder / recipe.name, recipe)
    files = [await asyncio.to_thread(read_media, folder / recipe.name) for recipe in _RECIPES]
    *pictures, overlay, music = files
    return DemoMedia(pictures, overlay, music), len(missing)


async def _make(ffmpeg: Ffmpeg, path: Path, recipe: _Recipe) -> None:
    partial = path.with_name(f"partial-{path.name}")
    process = await asyncio.create_subprocess_exec(
        str(ffmpeg.path),
        *("-hide_banner", "-nostdin", "-loglevel", "error", "-y"),
        *recipe.arguments,
        str(partial),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=child_environment(),
    )
    try:
        _, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        partial.unlink(missing_ok=True)
        words = said.decode(errors="replace").strip().splitlines()[-1:]
        raise RenderError(
            "encoder_failed", f"could not make {path.name}: {''.join(words)}", hint="See `deskrun doctor`."
        )
    partial.replace(path)


async def find_media(folder: Path, own: DemoMedia) -> DemoMedia:
    """The person's videos, stills and music in ``folder``, in order of their names; ``own`` fills what is not there.

    RenderError ``asset_missing`` when nothing in it can be seen.
    """
    found = await asyncio.to_thread(_read_all, folder)
    pictures = [media for media in found if media.picture is not None]
    if not pictures:
        raise RenderError(
            "asset_missing",
            f"there is no video and no picture in {folder} that can be read",
            hint="Give a folder with files such as .mp4, .mov, .webm, .jpg or .png.",
        )
    sounds = (media for media in found if media.picture is None and media.has_sound)
    music = next((sound for sound in sounds if (sound.duration or 0) >= MIN_MUSIC_SECONDS), own.music)
    return DemoMedia(pictures[:MAX_VIDEOS], own.overlay, music)


def _read_all(folder: Path) -> list[Media]:
    found = []
    for path in sorted(folder.iterdir())[:MAX_FILES]:
        if path.is_file() and not path.name.startswith(".") and path.stat().st_size > 0:
            try:
                found.append(read_media(path))
            except RenderError:
                continue  # a text, a playlist: not media
    return found
