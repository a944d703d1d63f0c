"""The corpus through the whole engine: cut, encoded, joined and decoded again, against one pass of ffmpeg."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from schemas.presets import AudioSettings, RenderPreset, VideoSettings
from tests.worker.render import frames
from tests.worker.render.corpus.picture_cuts import PICTURES
from tests.worker.render.corpus.texts import TEXTS
from tests.worker.render.cuts import Studio, manifest
from worker.render.plan import Plan, plan

CORPUS = PICTURES | TEXTS
FEW = ("dissolve", "moving", "fading", "multiply", "nested", "words")
NAMES = [*FEW, *(pytest.param(name, marks=pytest.mark.slow) for name in CORPUS if name not in FEW)]
ALIKE_DECIBELS = 36


def preset(**video: Any) -> RenderPreset:
    return RenderPreset(
        name="corpus", video=VideoSettings(width=160, height=90, **video), audio=AudioSettings(bitrate="128k")
    )


def hashes(studio: Studio, path: Path) -> list[str]:
    command = [str(studio.media.ffmpeg.path), "-v", "error", "-i", str(path), "-map", "0:v", "-f", "framehash", "-"]
    said = subprocess.run(command, capture_output=True, check=True, text=True, timeout=60).stdout
    return [line.rsplit(",", 1)[1].strip() for line in said.splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("name", NAMES)
def test_without_loss_every_frame_is_the_one_of_a_single_pass(studio: Studio, name: str) -> None:
    lossless, cut = preset(crf=0, preset="ultrafast"), CORPUS[name](studio.media)
    whole = plan(manifest(cut, preset=lossless), [studio.media.folder])
    result = studio.render(cut, preset=lossless)
    assert result.frame_count == whole.frames
    assert hashes(studio, result.path) == frames.picture(whole, studio.media.ffmpeg, preset=lossless)


@pytest.mark.parametrize("name", NAMES)
def test_with_the_usual_loss_every_frame_is_close_to_a_single_pass(studio: Studio, name: str) -> None:
    usual, cut = preset(crf=23, preset="veryfast"), CORPUS[name](studio.media)
    whole = plan(manifest(cut, preset=usual), [studio.media.folder])
    result = studio.render(cut, preset=usual)
    single = studio.folder / "single.mp4"
    single.write_bytes(one_pass(whole, studio, usual))
    worst = min(psnr(studio, result.path, single))
    assert worst >= ALIKE_DECIBELS


def one_pass(whole: Plan, studio: Studio, wanted: RenderPreset) -> bytes:
    video = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-pix_fmt", "yuv420p", "-f", "matroska"]
    return frames.encoded(whole, studio.media.ffmpeg, video, preset=wanted)


def psnr(studio: Studio, one: Path, other: Path) -> list[float]:
    """Peak signal-to-noise ratio of every frame in decibels."""
    compare = "[0:v]settb=1/30,setpts=N[a];[1:v]settb=1/30,setpts=N[b];[a][b]psnr=stats_file=-"
    command = [str(studio.media.ffmpeg.path), "-v", "error", "-i", str(one), "-i", str(other), "-lavfi", compare]
    said = subprocess.run([*command, "-f", "null", "-"], capture_output=True, check=True, text=True, timeout=60).stdout
    return [float(line.split("psnr_avg:")[1].split()[0]) for line in said.splitlines() if "psnr_avg:" in line]
