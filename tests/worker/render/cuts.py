"""Builders of timelines and manifests for the render tests, with the defaults that a test does not care about."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from schemas.presets import AudioSettings, RenderPreset, VideoSettings
from schemas.renders import RenderManifest
from tests.support.media import MediaShelf
from worker.render.engine import RenderResult, RenderUpdate, render

Node = dict[str, Any]
RATE = 30


def time(frames: float, rate: float = RATE) -> Node:
    return {"OTIO_SCHEMA": "RationalTime.1", "value": frames, "rate": rate}


def span(start: float, frames: float, rate: float = RATE) -> Node:
    return {"OTIO_SCHEMA": "TimeRange.1", "start_time": time(start, rate), "duration": time(frames, rate)}


def clip(
    source: Path | str | Node | None, start: float = 0, frames: float = RATE, *, rate: float = RATE, **fields: Any
) -> Node:
    """A clip of ``frames`` frames from frame ``start`` of a file, an asset id or a whole media reference."""
    reference = source if isinstance(source, dict) else external(source or "")
    base = {"OTIO_SCHEMA": "Clip.2", "name": "clip", "source_range": span(start, frames, rate)}
    references = {} if source is None else {"DEFAULT_MEDIA": reference}
    return {**base, "media_references": references, **fields}


def external(source: Path | str) -> Node:
    return {"OTIO_SCHEMA": "ExternalReference.1", "target_url": str(source)}


def generator(kind: str, **parameters: Any) -> Node:
    return {"OTIO_SCHEMA": "GeneratorReference.1", "generator_kind": kind, "parameters": parameters}


def gap(frames: float) -> Node:
    return {"OTIO_SCHEMA": "Gap.1", "source_range": span(0, frames)}


def dissolve(lead: float, tail: float) -> Node:
    base = {"OTIO_SCHEMA": "Transition.1", "transition_type": "SMPTE_Dissolve"}
    return {**base, "in_offset": time(lead), "out_offset": time(tail)}


def track(*children: Node, kind: str = "Video", **fields: Any) -> Node:
    return {"OTIO_SCHEMA": "Track.1", "kind": kind, "children": list(children), **fields}


def stack(*children: Node, **fields: Any) -> Node:
    return {"OTIO_SCHEMA": "Stack.1", "children": list(children), **fields}


def timeline(*tracks: Node, **fields: Any) -> Node:
    return {"OTIO_SCHEMA": "Timeline.1", "name": "cut", "tracks": stack(*tracks), **fields}


QUICK = RenderPreset(
    name="quick",
    video=VideoSettings(crf=4, preset="ultrafast"),
    audio=AudioSettings(bitrate="192k"),
)


def manifest(cut: Node, *, preset: RenderPreset = QUICK, **fields: Any) -> RenderManifest:
    base = {"job_id": "job", "project_id": "project", "output_path": "out", "output_filename": "out.mp4"}
    return RenderManifest.model_validate({**base, "timeline": cut, "preset": preset, **fields})


class Studio:
    """Renders cuts into a folder of its own, with the session's media as the only allowed root."""

    def __init__(self, media: MediaShelf, folder: Path) -> None:
        self.media = media
        self.folder = folder
        self.updates: list[RenderUpdate] = []

    @property
    def output(self) -> Path:
        return self.folder / "out.mp4"

    def render(self, cut: Node, *, preset: RenderPreset = QUICK, **fields: Any) -> RenderResult:
        return asyncio.run(self.start(manifest(cut, preset=preset, **fields)))

    async def start(
        self,
        wanted: RenderManifest,
        *,
        on_update: Callable[[RenderUpdate], None] | None = None,
        roots: Sequence[Path] = (),
    ) -> RenderResult:
        return await render(
            wanted,
            output=self.folder / f"out.{wanted.preset.video.container.value}",
            roots=[self.media.folder, *roots],
            ffmpeg=self.media.ffmpeg,
            on_update=on_update or self.updates.append,
        )
