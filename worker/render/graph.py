"""A plan as ffmpeg's inputs and one filter script. The engine calls ``build_graph``."""

from dataclasses import dataclass

from schemas.presets import RenderPreset
from worker.render.pictures import build_pictures
from worker.render.plan import Plan
from worker.render.script import Script
from worker.render.sounds import build_sounds

PICTURE = "[picture]"
SOUND = "[sound]"


@dataclass(frozen=True)
class Graph:
    """ffmpeg's input arguments and the filter script whose results are ``PICTURE`` and ``SOUND``, where wanted.

    ``files`` are names and contents of text files that the script reads from the folder that ffmpeg runs in.
    """

    inputs: tuple[str, ...]
    script: str
    files: tuple[tuple[str, str], ...]


def build_graph(plan: Plan, preset: RenderPreset, *, with_picture: bool = True, with_sound: bool) -> Graph:
    """The graph that shows and plays ``plan`` in the colours and formats of ``preset``."""
    script = Script()
    if with_picture:
        build_pictures(script, plan, preset.video, to=PICTURE)
    if with_sound:
        build_sounds(script, plan, preset.audio, to=SOUND)
    return Graph(tuple(script.input_arguments()), script.text(), script.files())
