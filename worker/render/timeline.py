"""Reads an OTIO timeline into placed clips with exact times, and collects everything that is wrong with it.

Only ``plan.py`` calls it. Positions are seconds in the composition's own time; frames are the planner's business.
"""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import opentimelineio as otio

from schemas.deskrun_extension import (
    ClipExtension,
    StackExtension,
    TimelineExtension,
    TrackExtension,
    TransitionExtension,
)
from worker.render.composition import ClipUse, Composite, Dissolve, Element, Lane, Mark, Reading
from worker.render.document import parse
from worker.render.errors import Problem, RenderError
from worker.render.extensions import EffectUse, Extensions
from worker.render.features.registry import effects
from worker.render.probe import Media
from worker.render.sources import Source, Sources, Tone
from worker.render.times import exact_seconds
from worker.render.transitions import FADE_IN, FADE_OUT, transition_kind

_SLACK_SECONDS = Fraction(1, 10)
"""How far a source_range may reach past its media: headers are this inexact. The last frame is held there."""
_SPEEDS = (Fraction(1, 100), Fraction(100))


def read_timeline(document: dict[str, Any], sources: Sources) -> Reading:
    """The whole timeline; RenderError where the document is no timeline, or more than can be rendered."""
    model, timeline = parse(document)
    reading = Reading(model)
    reader = _Reader(reading, sources, document)
    reading.root = reader.stack(timeline.tracks, "/tracks")
    if timeline.global_start_time is not None:
        reading.rate_hint = timeline.global_start_time.rate
    return reading


class _Reader:
    """Walks OTIO's objects and the schema's side by side: the first know times, the second asset ids."""

    def __init__(self, reading: Reading, sources: Sources, document: dict[str, Any]) -> None:
        self._reading = reading
        self._sources = sources
        self._clips = dict(reading.document.clips())
        self._extensions = Extensions(document, self._wrong)
        reading.extension = self._extensions.of("", TimelineExtension)

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
        extension = self._extensions.of(pointer, StackExtension)
        marks = tuple(_marks(node))
        return Composite(tuple(lanes), has_audio_tracks, begin, duration, extension, marks)

    def _as_lane(self, child: otio.core.Item, at: str) -> Lane:
        """A clip or stack directly in a stack: a track of its own."""
        element = self._element(child, at, Fraction(0), is_video=True)
        return Lane(True, (element,), (), Fraction(0), element.end)

    def _track(self, node: otio.schema.Track, pointer: str) -> Lane:
        elements: list[Element] = []
        transitions: list[tuple[int, otio.schema.Transition, str]] = []
        marks = list(_marks(node))
        cursor = Fraction(0)
        is_video = node.kind == otio.schema.TrackKind.Video
        for index, child in enumerate(node):
            at = f"{pointer}/children/{index}"
            if isinstance(child, otio.schema.Transition):
                transitions.append((len(elements), child, at))
                continue
            elements += self._passes(self._element(child, at, cursor, is_video=is_video))
            if isinstance(child, otio.schema.Clip | otio.schema.Gap):
                zero = exact_seconds(child.source_range.start_time) if child.source_range else Fraction(0)
                marks += [Mark(cursor + mark.at - zero, mark.name) for mark in _marks(child)]
            cursor = elements[-1].end
        begin, duration = self._trim(node, pointer, cursor)
        dissolves = tuple(self._dissolves(elements, transitions))
        extension = self._extensions.of(pointer, TrackExtension)
        name = node.name or ""
        return Lane(is_video, tuple(elements), dissolves, begin, duration, name, extension, tuple(marks))

    @staticmethod
    def _passes(element: Element) -> Iterator[Element]:
        """The element, or where its clip loops, one for each time that its moving picture is shown from the start."""
        use = element.content
        if not (isinstance(use, ClipUse) and use.extension.loop and isinstance(use.source, Media)):
            yield element
            return
        media = use.source
        if media.picture is None or media.duration is None or use.speed <= 0:
            yield element
            return
        start, media_start = element.start, use.media_start
        while start < element.end:
            end = min(element.end, start + (media.duration - media_start) / use.speed)
            pass_ = replace(use, media_start=media_start, offset=start - element.start)
            yield Element(start, end, pass_)
            start, media_start = end, Fraction(0)

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
        """Begin and duration of ``node`` in its own time; a begin below 0 is a wait before its first child."""
        window = node.source_range
        if window is None:
            return Fraction(0), length
        begin, duration = exact_seconds(window.start_time), exact_seconds(window.duration)
        if duration < 0:
            self._wrong(f"{pointer}/source_range", "a time range must not be negative")
            return Fraction(0), Fraction(0)
        return begin, duration

    def _clip(self, node: otio.schema.Clip, pointer: str, *, is_video: bool) -> tuple[ClipUse | None, Fraction]:
        source: Source | None = None
        if node.enabled:
            try:
                source = self._sources.find(self._clips[pointer].active_reference)
            except RenderError as error:
                source = self._replacement(error, pointer)
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
        speed, used = self._effects(node, pointer)
        extension = self._extensions.of(pointer, ClipExtension)
        if extension.loop and isinstance(source, Media) and source.duration is not None:
            window = window[0] % source.duration, window[1]
        else:
            self._check_extent(source, window, speed, pointer=pointer)
        if is_video and (isinstance(source, Tone) or (isinstance(source, Media) and source.picture is None)):
            self._wrong(pointer, "the clip is on a Video track and has no picture")
        return ClipUse(pointer, source, window[0], speed, extension, used), window[1]

    def _replacement(self, error: RenderError, pointer: str) -> Source | None:
        """A slate for missing media where the document asks for one; else the error is a problem."""
        if (
            error.code in {"asset_missing", "outside_roots", "unreadable_media"}
            and self._reading.extension.missing_media == "slate"
        ):
            self._ignore(pointer, f"{error.message}: a slate stands for it", replaced=True)
            return self._sources.slate(error.message)
        self._wrong(pointer, error.message, code=error.code)
        return None

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
        begin, end = window[0], window[0] + window[1] * abs(speed)
        if begin < 0:
            self._wrong(f"{pointer}/source_range", f"starts {float(-begin):.3f} s before its media does")
        elif begin >= source.duration or end > source.duration + _SLACK_SECONDS:
            self._wrong(
                f"{pointer}/source_range",
                f"needs {source.path.name} up to {float(end):.3f} s; it is {float(source.duration):.3f} s long",
            )

    def _effects(self, node: otio.schema.Clip, pointer: str) -> tuple[Fraction, tuple[EffectUse, ...]]:
        speed = Fraction(1)
        used: list[EffectUse] = []
        for index, effect in enumerate(node.effects):
            at = f"{pointer}/effects/{index}"
            name = effect.effect_name or effect.schema_name()
            if not effect.enabled:
                continue
            if isinstance(effect, otio.schema.LinearTimeWarp):  # a FreezeFrame is one with time_scalar 0
                speed *= Fraction(effect.time_scalar).limit_denominator(10_000)
            elif name in effects():
                metadata = self._extensions.node(at).get("metadata") or {}
                model = effects()[name].parameters
                checked = self._extensions.checked(metadata.get("deskrun") or {}, model, f"{at}/metadata/deskrun")
                used += [] if checked is None else [EffectUse(name, checked)]
            else:
                self._ignore(at, f"the effect {name!r}")
        if speed != 0 and not _SPEEDS[0] <= abs(speed) <= _SPEEDS[1]:
            self._wrong(f"{pointer}/effects", "speed must be 0 (freeze), or from 0.01 to 100 forwards or backwards")
            return Fraction(1), tuple(used)
        return speed, tuple(used)

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
                wanted = self._extensions.of(at, TransitionExtension).kind or node.transition_type
                kind = transition_kind(wanted)
                if kind is None:
                    self._ignore(at, f"the transition type {wanted!r}: it is a dissolve here", replaced=True)
                self._tell_missing_handles(before, after, (lead, tail), at)
                taken[index] = tail
                start, end = boundary - min(lead, lead_limit), boundary + min(tail, tail_limit)
                yield Dissolve(index, start, end, kind or "fade", wanted != FADE_IN, wanted != FADE_OUT)
            seen.add(index)

    def _tell_missing_handles(
        self, before: Element | None, after: Element | None, offsets: tuple[Fraction, Fraction], at: str
    ) -> None:
        """Say where a transition shows more of a file than there is: the edge frame is held instead."""
        uses = [side.content if side and isinstance(side.content, ClipUse) else None for side in (before, after)]
        lacks = [Fraction(0), Fraction(0)]
        outgoing, incoming = uses
        if before and outgoing and isinstance(outgoing.source, Media) and outgoing.source.duration is not None:
            shown = (before.end - before.start + offsets[1]) * outgoing.speed
            lacks[0] = outgoing.media_start + shown - outgoing.source.duration
        if incoming and isinstance(incoming.source, Media) and incoming.source.duration is not None:
            lacks[1] = offsets[0] * incoming.speed - incoming.media_start
        for lack, what in zip(lacks, ("after the outgoing", "before the incoming"), strict=True):
            if lack > _SLACK_SECONDS / 2:
                self._ignore(at, f"{float(lack):.2f} s {what} clip, which its media do not have", replaced=True)

    def _wrong(self, pointer: str, message: str, *, code: Any = "bad_manifest") -> None:
        self._reading.problems.append(Problem(code, pointer, message))

    def _ignore(self, pointer: str, what: str, *, replaced: bool = False) -> None:
        self._reading.ignored.append((pointer, what))
        if replaced:
            self._reading.replaced.add(pointer)


def _marks(node: otio.core.Item) -> Iterator[Mark]:
    for marker in node.markers:
        yield Mark(exact_seconds(marker.marked_range.start_time), marker.name)
