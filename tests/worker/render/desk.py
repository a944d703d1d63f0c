"""A desk for the tests of the engine: renders into numbered files with one cache, and says what it had to encode."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from schemas.presets import AudioSettings, RenderPreset, VideoSettings
from tests.support.media import MediaShelf
from tests.worker.render.cuts import Node, manifest
from worker.render.cache import SegmentCache
from worker.render.engine import choose, render
from worker.render.graph import PICTURE, SOUND, build_graph
from worker.render.plan import Plan, plan
from worker.render.process import run_ffmpeg
from worker.render.tally import RenderUpdate

LOSSLESS = RenderPreset(
    name="lossless", video=VideoSettings(crf=0, preset="veryfast"), audio=AudioSettings(bitrate="128k")
)
USUAL = RenderPreset(name="usual", video=VideoSettings(crf=23, preset="veryfast"), audio=AudioSettings(bitrate="128k"))


@dataclass
class EngineDesk:
    """``cache`` may be replaced; ``updates`` are those of the last render."""

    media: MediaShelf
    folder: Path
    cache: SegmentCache
    updates: list[RenderUpdate] = field(default_factory=list)
    made: int = 0

    def render(self, cut: Node, *, preset: RenderPreset = USUAL, output: str | None = None, **fields: object) -> Path:
        """Render ``cut`` to a new file, or to ``output``."""
        self.made += 1
        path = self.folder / (output or f"{self.made}.{preset.video.container}")
        self.updates.clear()
        asyncio.run(
            render(
                manifest(cut, preset=preset, **fields),
                output=path,
                roots=[self.media.folder],
                ffmpeg=self.media.ffmpeg,
                on_update=self.updates.append,
                threads=2,
                cache=self.cache,
            )
        )
        return path

    @property
    def encoded_frames(self) -> int:
        """Frames that the last render did not find in the cache."""
        last = self.updates[-1]
        return last.frames_total - last.frames_cached

    def pieces(self) -> set[str]:
        """The keys of all pieces in the cache."""
        return {path.stem for path in self.cache.folder.glob("pieces/*/*.json")}

    def plan(self, cut: Node, preset: RenderPreset = USUAL) -> Plan:
        """The plan of ``cut``."""
        return plan(manifest(cut, preset=preset), [self.media.folder])

    def one_pass(self, cut: Node, preset: RenderPreset = USUAL) -> Path:
        """``cut`` by one ffmpeg in one go, with the same graph and encoder."""
        path = self.folder / f"one-pass.{preset.video.container}"
        the_plan = self.plan(cut, preset)
        [encoding] = choose(manifest(cut, preset=preset), the_plan, self.media.ffmpeg, 2)
        graph = build_graph(the_plan, preset, with_sound=True)
        (self.folder / "graph.txt").write_text(graph.script)
        for name, text in graph.files:
            (self.folder / name).write_text(text)
        rate = str(the_plan.rate)
        picture = ["-map", PICTURE, "-r", rate, "-frames:v", str(the_plan.frames), *encoding.passes[-1]]
        sound = ["-map", SOUND, *encoding.audio, *encoding.joined, f"file:{path}"]
        command = ["-y", "-copyts", *graph.inputs, "-/filter_complex", "graph.txt", *picture, *sound]
        asyncio.run(run_ffmpeg(self.media.ffmpeg, command, folder=self.folder, on_frame=lambda _: None))
        return path
