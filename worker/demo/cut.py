"""The demo's cut as an OpenTimelineIO document: dissolves, a picture over the others, music. ``demo`` calls it."""

import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio

from worker.demo.media import DemoMedia
from worker.render.probe import Media

RATE = 30
SHOT_FRAMES = 3 * RATE
DISSOLVE_FRAMES = RATE
"""The whole of a dissolve; half of it lies on either side of the cut."""
MIN_SHOT_FRAMES = 2 * DISSOLVE_FRAMES


def compose(media: DemoMedia, asset_ids: Mapping[Path, str]) -> dict[str, Any]:
    """``Timeline.1``: V1 the pictures with a dissolve at each cut, V2 the overlay, A1 their sound, A2 the music.

    ``asset_ids`` has the asset of every file of ``media``.
    """
    shots = [(each, _shot_frames(each)) for each in media.pictures]
    total = sum(frames for _, frames in shots)
    timeline = otio.schema.Timeline("deskrun demo")
    timeline.global_start_time = _time(0)
    timeline.tracks.append(_sequence("V1", otio.schema.TrackKind.Video, shots, asset_ids))
    timeline.tracks.append(_overlay(media, asset_ids, total))
    if any(each.has_sound for each in media.pictures):
        timeline.tracks.append(_sequence("A1", otio.schema.TrackKind.Audio, shots, asset_ids))
    timeline.tracks.append(_music(media, asset_ids, total))
    document: dict[str, Any] = json.loads(timeline.to_json_string())
    return document


def total_frames(timeline: Mapping[str, Any]) -> int:
    """How long the cut is, in frames at ``RATE``."""
    first_track = timeline["tracks"]["children"][0]
    return int(
        sum(item["source_range"]["duration"]["value"] for item in first_track["children"] if "source_range" in item)
    )


def _shot_frames(media: Media) -> int:
    """Up to three seconds; of a short video all of it."""
    if media.duration is None:
        return SHOT_FRAMES
    return max(1, min(SHOT_FRAMES, int(media.duration * RATE)))


def _sequence(
    name: str, kind: str, shots: Sequence[tuple[Media, int]], asset_ids: Mapping[Path, str]
) -> otio.schema.Track:
    track = otio.schema.Track(name, kind=kind)
    before = 0
    for media, frames in shots:
        silent = kind == otio.schema.TrackKind.Audio and not media.has_sound
        if not silent and min(before, frames) >= MIN_SHOT_FRAMES:
            half = _time(DISSOLVE_FRAMES // 2)
            dissolve = otio.schema.TransitionTypes.SMPTE_Dissolve
            track.append(otio.schema.Transition(transition_type=dissolve, in_offset=half, out_offset=half))
        track.append(otio.schema.Gap(source_range=_range(0, frames)) if silent else _clip(media, asset_ids, frames))
        before = 0 if silent else frames  # silence gives nothing to dissolve with
    return track


def _overlay(media: DemoMedia, asset_ids: Mapping[Path, str], total: int) -> otio.schema.Track:
    """The last two thirds of the cut, so that one sees it come."""
    start = total // 3
    track = otio.schema.Track("V2", kind=otio.schema.TrackKind.Video)
    track.append(otio.schema.Gap(source_range=_range(0, start)))
    track.append(_clip(media.overlay, asset_ids, total - start))
    return track


def _music(media: DemoMedia, asset_ids: Mapping[Path, str], total: int) -> otio.schema.Track:
    """The music, again from its start when it is shorter than the cut."""
    track = otio.schema.Track("A2", kind=otio.schema.TrackKind.Audio)
    length = max(1, int((media.music.duration or Fraction(1)) * RATE))
    rest = total
    while rest > 0:
        track.append(_clip(media.music, asset_ids, min(rest, length)))
        rest -= length
    return track


def _clip(media: Media, asset_ids: Mapping[Path, str], frames: int) -> otio.schema.Clip:
    reference = otio.schema.ExternalReference(target_url=f"asset:{asset_ids[media.path]}")
    spare = 0 if media.duration is None else int(media.duration * RATE) - frames
    start = max(0, min(DISSOLVE_FRAMES // 2, spare // 2))  # leaves the dissolves something to show on either side
    return otio.schema.Clip(media.path.stem, media_reference=reference, source_range=_range(start, frames))


def _range(start: int, frames: int) -> otio.opentime.TimeRange:
    return otio.opentime.TimeRange(_time(start), _time(frames))


def _time(frames: int) -> otio.opentime.RationalTime:
    return otio.opentime.RationalTime(frames, RATE)
