"""Seconds to frames: a timeline as read becomes frame-exact layers and sounds. Only ``plan.py`` calls it."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from worker.render.layers import Cut, Layer, Mix, Shot, Sound
from worker.render.probe import Media
from worker.render.sources import Tone
from worker.render.timeline import ClipUse, Composite, Dissolve, Element, Lane
from worker.render.times import frame_at

Window = tuple[int, int]
_Edges = tuple[list[Window], dict[int, Window]]


class Lowering:
    """Seconds to frames. ``at`` is where a composition's time 0 lies in seconds; windows are frames, half-open."""

    def __init__(self, rate: Fraction, first: int) -> None:
        self._rate = rate
        self._first = first

    def layers(self, stack: Composite, at: Fraction, window: Window) -> Iterator[Layer]:
        """The stack's layers from bottom to top, nested ones above the track they lie on."""
        at, window = self._inside(stack, at, window)
        for lane in stack.lanes:
            if lane.is_video:
                lane_at, lane_window = self._inside(lane, at, window)
                yield from self._runs(self._spans(lane, lane_at, lane_window))
                for element in lane.elements:
                    if isinstance(element.content, Composite):
                        inner = self._window(lane_at, element.start, element.end, lane_window)
                        yield from self.layers(element.content, lane_at + element.start, inner)

    def sounds(self, stack: Composite, at: Fraction, window: Window) -> Iterator[Sound]:
        """The sound of the stack's Audio tracks; where it has none, of its Video tracks."""
        at, window = self._inside(stack, at, window)
        for lane in stack.lanes:
            if lane.is_video == stack.has_audio_tracks:
                continue
            lane_at, lane_window = self._inside(lane, at, window)
            edges = self._edges(lane, lane_at)
            for index, element in enumerate(lane.elements):
                if isinstance(element.content, Composite):
                    inner = self._window(lane_at, element.start, element.end, lane_window)
                    yield from self.sounds(element.content, lane_at + element.start, inner)
                elif element.content is not None:
                    yield from self._sound(element.content, index, edges, lane_window)

    def _inside(self, part: Composite | Lane, at: Fraction, window: Window) -> tuple[Fraction, Window]:
        """The part's own time and the frames it is shown in, given where its parent puts it."""
        return at - part.begin, self._window(at, Fraction(0), part.duration, window)

    def _window(self, at: Fraction, start: Fraction, end: Fraction, window: Window) -> Window:
        first, last = frame_at(at + start, self._rate), frame_at(at + end, self._rate)
        return max(first, window[0]), min(last, window[1])

    def _edges(self, lane: Lane, at: Fraction) -> _Edges:
        """Frames of every element as cut, and of every dissolve by the index of its incoming element."""
        elements = [(frame_at(at + e.start, self._rate), frame_at(at + e.end, self._rate)) for e in lane.elements]
        mixes = {d.index: self._mix_edges(d, at) for d in lane.dissolves}
        return elements, {index: edges for index, edges in mixes.items() if edges[0] < edges[1]}

    def _mix_edges(self, dissolve: Dissolve, at: Fraction) -> tuple[int, int]:
        return frame_at(at + dissolve.start, self._rate), frame_at(at + dissolve.end, self._rate)

    def _spans(self, lane: Lane, at: Fraction, window: Window) -> Iterator[Cut | Mix]:
        elements, mixes = self._edges(lane, at)
        shots: list[Shot | None] = []
        for index, element in enumerate(lane.elements):
            start = mixes.get(index, elements[index])[0]
            end = mixes[index + 1][1] if index + 1 in mixes else elements[index][1]
            shots.append(self._shot(element, elements[index][0], (max(start, window[0]), min(end, window[1]))))
        shots.append(None)
        for index in range(len(lane.elements) + 1):
            if index in mixes:
                start, end = mixes[index]
                first, last = max(start, window[0]), min(end, window[1])
                outgoing = shots[index - 1] if index else None
                if first < last and (outgoing or shots[index]):
                    mix = Mix(first, last, outgoing, shots[index], end - start, first - start)
                    yield replace(mix, start=first - self._first, end=last - self._first)
            shot = shots[index]
            if shot is not None:
                start = mixes[index][1] if index in mixes else elements[index][0]
                end = mixes[index + 1][0] if index + 1 in mixes else elements[index][1]
                first, last = max(start, window[0]), min(end, window[1])
                if first < last:
                    yield Cut(first - self._first, last - self._first, shot)

    def _shot(self, element: Element, placed: int, frames: Window) -> Shot | None:
        use = element.content
        first, last = frames
        if not isinstance(use, ClipUse) or first >= last:
            return None
        # The frame nearest to the clip's start shows its in-point exactly, wherever between two frames it was cut.
        media_start = use.media_start + (first - placed) / self._rate * use.speed
        return Shot(use.source, first - self._first, last - first, media_start, use.speed)

    @staticmethod
    def _runs(spans: Iterator[Cut | Mix]) -> Iterator[Layer]:
        run: list[Cut | Mix] = []
        for span in spans:
            if run and run[-1].end != span.start:
                yield Layer(tuple(run))
                run = []
            run.append(span)
        if run:
            yield Layer(tuple(run))

    def _sound(self, use: ClipUse, index: int, edges: _Edges, window: Window) -> Iterator[Sound]:
        """The one sound of a clip, if it has any in the window."""
        source = use.source
        if use.speed == 0 or not (isinstance(source, Tone) or (isinstance(source, Media) and source.has_sound)):
            return
        elements, mixes = edges
        placed, end = elements[index]
        lead, tail = mixes.get(index, (placed, placed)), mixes.get(index + 1, (end, end))
        first, last = max(lead[0], window[0]), min(tail[1], window[1])
        if first >= last:
            return
        fade_in = lead[1] - lead[0]
        # A window that begins inside a fade needs the fade from its beginning; any other sound is cut short.
        start = lead[0] if first < lead[1] else min(first, tail[0])
        yield Sound(
            source=source,
            start=first - self._first,
            end=last - self._first,
            media_start=use.media_start + (start - placed) / self._rate * use.speed,
            speed=use.speed,
            length=tail[1] - start,
            skipped=first - start,
            fade_in=fade_in if start == lead[0] else 0,
            fade_out=tail[1] - tail[0],
        )
