"""Every frame and sample of a plan without an encoder between: what a graph makes, to the bit."""

import subprocess
import tempfile
from pathlib import Path

from schemas.presets import RenderPreset
from tests.worker.render.cuts import QUICK
from worker.render.ffmpeg import Ffmpeg
from worker.render.graph import PICTURE, SOUND, Graph, build_graph
from worker.render.plan import Plan


def picture(plan: Plan, ffmpeg: Ffmpeg, *, preset: RenderPreset = QUICK) -> list[str]:
    """A hash of every frame."""
    raw = _run(build_graph(plan, preset, with_sound=False), ffmpeg, ["-map", PICTURE, "-f", "framehash"])
    return [line.rsplit(",", 1)[1].strip() for line in raw.decode().splitlines() if not line.startswith("#")]


def colors(plan: Plan, ffmpeg: Ffmpeg, *, preset: RenderPreset = QUICK) -> list[bytes]:
    """Every frame as packed ``rgb24``."""
    graph = build_graph(plan, preset, with_sound=False)
    raw = _run(graph, ffmpeg, ["-map", PICTURE, "-pix_fmt", "rgb24", "-f", "rawvideo"])
    size = plan.width * plan.height * 3
    return [raw[start : start + size] for start in range(0, len(raw), size)]


def encoded(plan: Plan, ffmpeg: Ffmpeg, video: list[str], *, preset: RenderPreset) -> bytes:
    """The picture in one pass, encoded with the arguments ``video``."""
    return _run(build_graph(plan, preset, with_sound=False), ffmpeg, ["-map", PICTURE, *video])


def samples(plan: Plan, ffmpeg: Ffmpeg, *, preset: RenderPreset = QUICK) -> bytes:
    """The sound as interleaved 32-bit floats."""
    graph = build_graph(plan, preset, with_picture=False, with_sound=True)
    return _run(graph, ffmpeg, ["-map", SOUND, "-c:a", "pcm_f32le", "-f", "f32le"])


def _run(graph: Graph, ffmpeg: Ffmpeg, output: list[str]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (("graph.txt", graph.script), *graph.files):
            (Path(folder) / name).write_text(text, encoding="utf-8")
        command = [str(ffmpeg.path), "-v", "error", "-nostdin", "-copyts", *graph.inputs]
        done = subprocess.run(
            [*command, "-/filter_complex", "graph.txt", *output, "-"],
            cwd=folder,
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout


def color_at(frame: bytes, plan: Plan, x: float, y: float = 0.5) -> tuple[int, int, int]:
    """The colour at a place given in fractions of the picture."""
    offset = 3 * (int(y * plan.height) * plan.width + int(x * plan.width))
    red, green, blue = frame[offset : offset + 3]
    return red, green, blue
