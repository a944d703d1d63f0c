"""Reads an OTIO timeline into placed clips with exact times, and collects everything that is wrong with it.

Only ``plan.py`` calls it. Positions are seconds in the composition's own time; frames are the planner's business.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import opentimelineio as otio

from schemas import timelines
from worker.render.document import parse
from worker.render.errors import Problem, RenderError
from worker.render.probe import Media
from worker.render.sources import Source, Sources, Tone
from worker.render.times import exact_seconds

_SLACK_SECONDS = Fraction(1, 10)
"""How far a source_range may reach past its media: headers are this inexact. The last frame is held there."""
_SPEEDS = (Fraction(1, 100), Fraction(100))


@dataclass(frozen=True)
class ClipUse:
    """A clip's source and where in it the clip begins, in seconds. ``speed`` 0 holds that frame."""

    pointer: str
    source: Source
    media_start: Fraction
    speed: Fraction


@dataclass(frozen=True)
class Element:
    """One thing on a track, from ``start`` to ``end``. None as content is a gap."""

    start: Fraction
    end: Fraction
    content: "ClipUse | Composite | None"


@dataclass(frozen=True)
class Dissolve:
    """A dissolve around the boundary before element ``index``, from ``start`` to ``end``."""

    index: int
    start: Fraction
    end: Fraction


@dataclass(frozen=True)
class Lane:
    """One enabled track. Its own time ``begin`` is where its stack's begins."""

    is_video: bool
    elements: tuple[Element, ...]
    dissolves: tuple[Dissolve, ...]
    begin: Fraction
    duration: Fraction


@dataclass(frozen=True)
class Composite:
    """A stack: lanes from bottom to top, shown from ``begin`` for ``duration``."""

    lanes: tuple[Lane, ...]
    has_audio_tracks: bool
    begin: Fraction
    duration: Fraction


@dataclass
class Reading:
    """A timeline as read. ``ignored`` lists what was left out without being an error."""

    document: timelines.Timeline
    root: Composite | None = None
    rate_hint: float | None = None
    problems: list[Problem] = field(default_factory=list)
    ignored: list[tuple[str, str]] = field(default_factory=list)


def read_timeline(document: dict[str, Any], sources: Sources) -> Reading:
    """The whole timeline; RenderError where the document is no timeline, or more than can be rendered."""
    model, timeline = parse(document)
    reading = Reading(model)
    reader = _Reader(reading, sources)
    reading.root = reader.stack(timeline.tracks, "/tracks")
    if timeline.global_start_time is not None:
        reading.rate_hint = timeline.global_start_time.rate
    return reading


class _Reader:
    """Walks OTIO's objects and the schema's side by side: the first know times, the second asset ids."""

    def __init__(self, reading: Reading, sources: Sources) -> None:
        self._reading = reading
        self._sources = sources
        self._clips = dict(reading.document.clips())

    def stack(self, node: otio.schema.Stack, pointer: str) -> Composite:
        lanes: list[Lane] = []
        has_audio_tracks = False
        for index, child in enumerate(node):
            at = f"{pointer}/children/{index}"
            is_track = isinstance(child, otio.schema.Track)
            kind = child.kind if is_track else otio.schema.TrackKind.Video
            has_audio_tracks |= kind == otio.schema.TrackKind.Audio
            if kind not in {otio.schema.TrackKind.Video, otio.schema.TrackKind.Audio}:
                self._ignore(at, f"a track of kind {kind!r}")
            elif is_track and child.enabled:
                lanes.append(self._track(child, at))
            elif not is_track:
                lanes.append(self._as_lane(child, at))
        length = max((lane.duration for lane in lanes), default=Fraction(0))
        begin, duration = self._trim(node, pointer, length)
        return Composite(tuple(lanes), has_audio_tracks, begin, duration)

    def _as_lane(self, child: otio.core.Item, at: str) -> Lane:
        """A clip or stack directly in a stack: a track of its own."""
        element = self._element(child, at, Fraction(0), is_video=True)
        return Lane(True, (element,), (), Fraction(0), element.end)

    def _track(self, node: otio.schema.Track, pointer: str) -> Lane:
        elements: list[Element] = []
        transitions: list[tuple[int, otio.schema.Transition, str]] = []
        cursor = Fraction(0)
        is_video = node.kind == otio.schema.TrackKind.Video
        for index, child in enumerate(node):
            at = f"{pointer}/children/{index}"
            if isinstance(child, otio.schema.Transition):
                transitions.append((len(elements), child, at))
                continue
            elements.append(self._element(child, at, cursor, is_video=is_video))
            cursor = elements[-1].end
        begin, duration = self._trim(node, pointer, cursor)
        dissolves = tuple(self._dissolves(elements, transitions))
        return Lane(is_video, tuple(elements), dissolves, begin, duration)

    def _element(self, child: otio.core.Item, at: str, start: Fraction, *, is_video: bool) -> Element:
        content: ClipUse | Composite | None = None
        if isinstance(child, otio.schema.Clip):
            content, duration = self._clip(child, at, is_video=is_video)
        elif isinstance(child, otio.schema.Gap):
            duration = self._trim(child, at, Fraction(0))[1]
        elif isinstance(child, otio.schema.Stack):
            content = self.stack(child, at)
            duration = content.duration
        else:
            lane = self._track(child, at)
            content = Composite((lane,), not lane.is_video, Fraction(0), lane.duration)
            duration = lane.duration
        return Element(start, start + duration, content if child.enabled else None)

    def _trim(self, node: otio.core.Item, pointer: str, length: Fraction) -> tuple[Fraction, Fraction]:
        """Begin and duration of ``node`` in its own time."""
        window = node.source_range
        if window is None:
            return Fraction(0), length
        begin, duration = exact_seconds(window.start_time), exact_seconds(window.duration)
        if begin < 0 or duration < 0:
            self._wrong(f"{pointer}/source_range", "a time range must not be negative")
            return Fraction(0), Fraction(0)
        return begin, duration

    def _clip(self, node: otio.schema.Clip, pointer: str, *, is_video: bool) -> tuple[ClipUse | None, Fraction]:
        source: Source | None = None
        if node.enabled:
            try:
                source = self._sources.find(self._clips[pointer].active_reference)
            except RenderError as error:
                self._wrong(pointer, error.message, code=error.code)
        window = self._window(node, source)
        if window is None:
            if source is not None or not node.enabled:
                self._wrong(pointer, "the clip needs a source_range: its media has no length of its own")
            return None, Fraction(0)
        if window[1] <= 0:
            self._wrong(f"{pointer}/source_range", "a clip must be longer than nothing")
            return None, Fraction(0)
        if source is None:
            return None, window[1]
        speed = self._speed(node, pointer)
        self._check_extent(source, window, speed, pointer=pointer)
        if is_video and (isinstance(source, Tone) or (isinstance(source, Media) and source.picture is None)):
            self._wrong(pointer, "the clip is on a Video track and has no picture")
        return ClipUse(pointer, source, window[0], speed), window[1]

    @staticmethod
    def _window(node: otio.schema.Clip, source: Source | None) -> tuple[Fraction, Fraction] | None:
        """Start in the media and duration, in seconds. Media time 0 is the start of available_range, where given."""
        available = node.media_reference.available_range if node.media_reference else None
        used = node.source_range or available
        if used is not None:
            zero = exact_seconds(available.start_time) if available else Fraction(0)
            return exact_seconds(used.start_time) - zero, exact_seconds(used.duration)
        if isinstance(source, Media) and source.duration is not None:
            return Fraction(0), source.duration
        return None

    def _check_extent(
        self, source: Source, window: tuple[Fraction, Fraction], speed: Fraction, *, pointer: str
    ) -> None:
        if not isinstance(source, Media) or source.duration is None:
            return
        begin, end = window[0], window[0] + window[1] * speed
        if begin < 0:
            self._wrong(f"{pointer}/source_range", f"starts {float(-begin):.3f} s before its media does")
        elif begin >= source.duration or end > source.duration + _SLACK_SECONDS:
            self._wrong(
                f"{pointer}/source_range",
                f"needs {source.path.name} up to {float(end):.3f} s; it is {float(source.duration):.3f} s long",
            )

    def _speed(self, node: otio.schema.Clip, pointer: str) -> Fraction:
        speed = Fraction(1)
        for index, effect in enumerate(node.effects):
            at = f"{pointer}/effects/{index}"
            if not effect.enabled:
                continue
            if isinstance(effect, otio.schema.LinearTimeWarp):  # a FreezeFrame is one with time_scalar 0
                speed *= Fraction(effect.time_scalar).limit_denominator(10_000)
            else:
                self._ignore(at, f"the effect {effect.effect_name or effect.schema_name()!r}")
        if speed != 0 and not _SPEEDS[0] <= speed <= _SPEEDS[1]:
            self._wrong(f"{pointer}/effects", "speed must be 0 (freeze) or from 0.01 to 100; reverse is not supported")
            return Fraction(1)
        return speed

    def _dissolves(
        self, elements: list[Element], transitions: list[tuple[int, otio.schema.Transition, str]]
    ) -> Iterator[Dissolve]:
        """Dissolves by time. An in_offset lies in the element before the boundary, an out_offset in the one after."""
        taken: dict[int, Fraction] = {}
        seen: set[int] = set()
        for index, node, at in transitions:
            lead, tail = exact_seconds(node.in_offset), exact_seconds(node.out_offset)
            before = elements[index - 1] if index > 0 else None
            after = elements[index] if index < len(elements) else None
            boundary = after.start if after else (before.end if before else Fraction(0))
            lead_limit = before.end - before.start - taken.get(index - 1, Fraction(0)) if before else Fraction(0)
            tail_limit = after.end - after.start if after else Fraction(0)
            if lead < 0 or tail < 0:
                self._wrong(at, "a transition's offsets must not be negative")
            elif index in seen:
                self._wrong(at, "two transitions in a row")
            elif any(side.start == side.end for side in (before, after) if side):
                continue  # the neighbour is wrong itself, and says so
            elif (before and lead > lead_limit) or (after and tail > tail_limit):
                self._wrong(at, "the transition is longer than what it joins")
            elif any(isinstance(side.content, Composite) for side in (before, after) if side):
                self._wrong(at, "a transition next to a nested stack or track is not supported")
            else:
                if node.transition_type != otio.schema.TransitionTypes.SMPTE_Dissolve:
                    self._ignore(at, f"the transition type {node.transition_type!r}: it is a dissolve here")
                taken[index] = tail
                yield Dissolve(index, boundary - min(lead, lead_limit), boundary + min(tail, tail_limit))
            seen.add(index)

    def _wrong(self, pointer: str, message: str, *, code: Any = "bad_manifest") -> None:
        self._reading.problems.append(Problem(code, pointer, message))

    def _ignore(self, pointer: str, what: str) -> None:
        self._reading.ignored.append((pointer, what))
