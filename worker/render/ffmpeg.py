"""Which ffmpeg to run and what it can really do. The engine, the CLI's ``doctor`` and the encoder choice ask here."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import imageio_ffmpeg

from worker.render.errors import RenderError

VIDEO_ENCODERS = (
    "libx264",
    "libx265",
    "prores_ks",
    "libvpx-vp9",
    "libsvtav1",
    "libaom-av1",
    *(f"{codec}_{api}" for codec in ("h264", "hevc", "av1") for api in ("nvenc", "qsv", "amf")),
    "h264_videotoolbox",
    "hevc_videotoolbox",
)
AUDIO_ENCODERS = ("aac", "libmp3lame", "libopus")

_PROBE_SECONDS = 20
_ADVICE = "install deskrun's worker extra, which brings imageio-ffmpeg, or name an ffmpeg 5.1 or newer by setting"


@dataclass(frozen=True)
class Ffmpeg:
    """One ffmpeg program: where it is, its own word for its version, and how it was found."""

    path: Path
    version: str
    source: Literal["setting", "wheel", "system"]

    @property
    def major(self) -> int | None:
        """The release's first number; None for builds of the development branch."""
        digits = self.version.removeprefix("n").partition(".")[0]
        return int(digits) if digits.isdecimal() else None


def child_environment() -> Mapping[str, str]:
    """The environment of every ffmpeg: ours, with C's number format and no report files."""
    inherited = {name: value for name, value in os.environ.items() if name != "FFREPORT"}  # noqa: TID251 - handed on
    return {**inherited, "LC_ALL": "C"}


def find_ffmpeg(setting: Path | None = None) -> Ffmpeg:
    """The ffmpeg named by ``setting``, else imageio-ffmpeg's, else the one on PATH; RenderError ``ffmpeg_missing``."""
    if setting is not None:
        return Ffmpeg(setting, _version(setting), "setting")
    try:
        path = Path(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        raise RenderError("ffmpeg_missing", "no ffmpeg on this machine", hint=_ADVICE) from None
    if path.is_relative_to(Path(imageio_ffmpeg.__file__).parent):
        return Ffmpeg(path, _version(path), "wheel")
    path = Path(shutil.which(path) or path)
    return Ffmpeg(path, _version(path), "system")


def _version(path: Path) -> str:
    try:
        answer = _run(path, "-version")
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RenderError("ffmpeg_missing", f"cannot run {path}: {error}", hint=_ADVICE) from None
    words = answer.stdout.split(maxsplit=3)
    if answer.returncode != 0 or words[:2] != ["ffmpeg", "version"]:
        raise RenderError("ffmpeg_missing", f"{path} is no ffmpeg", hint=_ADVICE)
    return words[2]


def working_encoders(ffmpeg: Ffmpeg) -> dict[str, str | None]:
    """Every encoder a preset can lead to -> None if it works here, else why not. Takes about a second, then none."""
    names = VIDEO_ENCODERS + AUDIO_ENCODERS
    with ThreadPoolExecutor(max_workers=4) as pool:
        return dict(zip(names, pool.map(lambda name: encoder_problem(ffmpeg, name), names), strict=True))


@cache
def encoder_problem(ffmpeg: Ffmpeg, name: str) -> str | None:
    """Why ``name`` cannot encode 0.2 s of nothing here; None if it can. Being listed by ffmpeg proves nothing."""
    if name in AUDIO_ENCODERS:
        source, codec = "anullsrc=sample_rate=48000", ["-c:a", name]
    else:
        source, codec = "color=size=256x256:rate=25", ["-c:v", name]
    test = ["-f", "lavfi", "-i", source, "-t", "0.2", *codec, "-f", "null", "-"]
    try:
        answer = _run(ffmpeg.path, "-hide_banner", "-nostdin", "-loglevel", "error", *test)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if answer.returncode == 0:
        return None
    lines = answer.stderr.strip().splitlines()
    return lines[0] if lines else f"exit code {answer.returncode}"


def _run(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(path), *arguments],
        capture_output=True,
        check=False,
        encoding="utf-8",
        env=child_environment(),
        errors="replace",
        stdin=subprocess.DEVNULL,
        timeout=_PROBE_SECONDS,
    )
