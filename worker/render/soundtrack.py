"""The whole sound of a plan, made and cached apart from its picture, so that neither pays for the other's changes.

The engine calls ``make_sound``. The result is one piece, for encoders of sound carry what they heard from packet to
packet; what would not fit into one graph, or is measured first, is mixed to samples on the way.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from worker.render.encode import Encoding
from worker.render.errors import RenderError
from worker.render.excerpt import excerpt
from worker.render.graph import SOUND, Graph, build_graph
from worker.render.layers import Loudness, Sound
from worker.render.pieces import PRIVATE, Workshop
from worker.render.plan import Plan
from worker.render.witness import refuse_silence

MAX_SOUNDS = 200
"""Sounds in one graph: each is an open file and a decoder."""

_SAMPLES = ("-c:a", "pcm_f32le", "-f", "w64")
_MEASURED = "loudness.txt"
_MEASURES = re.compile(r"lavfi\.r128\.(I|true_peaks_ch\d+)=(\S+)")
_SILENCE_LUFS = -69
"""Where the gate of EBU R 128 opens: below it nothing was measured, and nothing can be raised."""
_OVERSAMPLED_HERTZ = 192_000
"""Peaks between samples count, too."""


def sound_of(plan: Plan) -> Plan:
    """The plan without its picture and its words."""
    return replace(excerpt(plan, 0, plan.frames), layers=(), chapters=(), subtitles=())


async def make_sound(workshop: Workshop, key: str, plan: Plan, encoding: Encoding) -> None:
    """Encode the sound of ``plan`` as the piece ``key`` and admit it. RenderError ``too_many_clips``."""
    graph = await _mixed(workshop, key, plan)
    gain = ""
    if plan.loudness is not None:
        graph, gain = await _measured(workshop, key, graph, plan)
    script = f"{graph.script};\n{SOUND}{gain or 'anull'}[encoded]"
    place = f"file:{workshop.bench.path(key)}"
    arguments = ["-map", "[encoded]", *encoding.audio, *PRIVATE, *encoding.sound, place]
    await workshop.run(key, replace(graph, script=script), arguments)
    await asyncio.to_thread(refuse_silence, workshop.bench.path(key), plan)
    await asyncio.to_thread(workshop.bench.admit, key, reorder=0, header="")


async def _mixed(workshop: Workshop, key: str, plan: Plan) -> Graph:
    """A graph of the whole mix; of groups of sounds that were mixed before, where there are too many for one."""
    if len(plan.sounds) <= MAX_SOUNDS:
        return build_graph(plan, workshop.preset, with_picture=False, with_sound=True)
    if any(channel.duck for channel in plan.mixer):
        raise RenderError("too_many_clips", f"with ducking, at most {MAX_SOUNDS} clips can be heard in one timeline")
    sounds = sorted(plan.sounds, key=lambda sound: (sound.start, sound.end))
    parts: list[tuple[int, Path]] = []
    for first in range(0, len(sounds), MAX_SOUNDS):
        offset, group = _group(plan, sounds[first : first + MAX_SOUNDS], workshop.preset.audio.sample_rate)
        graph = build_graph(group, workshop.preset, with_picture=False, with_sound=True)
        part = workshop.bench.folder / f"{key}.{first}.w64"
        await workshop.run(f"{key}.{first}", graph, ["-map", SOUND, *_SAMPLES, f"file:{part}"])
        parts.append((offset, part))
    return _laid_out(parts, round(plan.frames * workshop.preset.audio.sample_rate / plan.rate))


def _group(plan: Plan, sounds: Sequence[Sound], hertz: int) -> tuple[int, Plan]:
    """``sounds`` alone, from the last frame before them that begins with a sample; and the number of that sample."""
    per_frame = hertz / plan.rate
    step = per_frame.denominator
    start = min(sound.start for sound in sounds) // step * step
    end = max(sound.end for sound in sounds)
    part = excerpt(replace(plan, sounds=tuple(sounds), loudness=None), start, end)
    return round(start * per_frame), part


def _laid_out(parts: Sequence[tuple[int, Path]], samples: int) -> Graph:
    """The parts from their samples on, added up to ``samples`` samples."""
    inputs = [word for _, path in parts for word in ("-protocol_whitelist", "file", "-f", "w64", "-i", f"file:{path}")]
    chains = [f"[{index}:a]adelay=delays={offset}S:all=1[part{index}]" for index, (offset, _) in enumerate(parts)]
    links = "".join(f"[part{index}]" for index in range(len(parts)))
    chains.append(f"{links}amix=inputs={len(parts)}:normalize=0:duration=longest,{_exactly(samples)}{SOUND}")
    return Graph(tuple(inputs), ";\n".join(chains), ())


def _exactly(samples: int) -> str:
    return f"apad=whole_len={samples},atrim=end_sample={samples},asetpts=N/SR/TB"


async def _measured(workshop: Workshop, key: str, graph: Graph, plan: Plan) -> tuple[Graph, str]:
    """The mix as samples, and the filter that brings it to the plan's loudness: one gain, and a limit for its peaks."""
    wanted = plan.loudness
    assert wanted is not None  # noqa: S101 - the caller looked
    part = workshop.bench.folder / f"{key}.w64"
    measured = f"ebur128=metadata=1:peak=true,ametadata=mode=print:file={_MEASURED}"
    script = f"{graph.script};\n{SOUND}{measured}[measured]"
    name = f"{key}.measured"
    await workshop.run(name, replace(graph, script=script), ["-map", "[measured]", *_SAMPLES, f"file:{part}"])
    text = (workshop.work / f"{name}.work" / _MEASURED).read_text(encoding="ascii", errors="replace")
    hertz = workshop.preset.audio.sample_rate
    samples = round(plan.frames * hertz / plan.rate)
    return _laid_out([(0, part)], samples), loudness_filter(text, wanted, hertz=hertz, samples=samples)


def loudness_filter(measured: str, wanted: Loudness, *, hertz: int, samples: int) -> str:
    """The filter for what ``ametadata`` printed of EBU R 128; empty for silence."""
    found = [(name, float(value)) for name, value in _MEASURES.findall(measured)]
    integrated = [value for name, value in found if name == "I"][-1:]
    if not integrated or integrated[0] < _SILENCE_LUFS:
        return ""
    gain = wanted.target_lufs - integrated[0]
    # ffmpeg prints the highest peak so far, as an amplitude.
    peak = max((value for name, value in found if name != "I"), default=0.0)
    limit = 10 ** (wanted.true_peak_db / 20)
    filters = [f"volume={gain:.3f}dB:precision=double"]
    if peak * 10 ** (gain / 20) > limit:
        filters += [f"aresample={_OVERSAMPLED_HERTZ}", f"alimiter=limit={limit:.6f}:level=disabled:latency=1"]
        filters += [f"aresample={hertz}", _exactly(samples)]
    return ",".join(filters)
