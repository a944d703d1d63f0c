"""Seconds to frames: a timeline as read becomes frame-exact layers and sounds. Only ``plan.py`` calls it."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from worker.render.composition import ClipUse, Composite, Dissolve, Element, Lane
from worker.render.layers import Channel, Cut, Duck, Layer, Mix, Motion, Shot, Sound
from worker.render.looks import curve, look_of, motion_of
from worker.render.probe import Media
from worker.render.sources import Tone
from worker.render.times import frame_at

Window = tuple[int, int]
_Edges = tuple[list[Window], dict[int, Window]]


class Lowering:
    """Seconds to frames. ``at`` is where a composition's time 0 lies in seconds; windows are frames, half-open."""

    def __init__(self, rate: Fraction, first: int) -> None:
        self._rate = rate
        self._first = first
        self._lanes: list[Lane] = []

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
                        yield from self._nested(element.content, lane_at + element.start, inner)

    def _nested(self, stack: Composite, at: Fraction, window: Window) -> Iterator[Layer]:
        begin = frame_at(at, self._rate) - self._first
        for layer in self.layers(stack, at, window):
            motion = motion_of(
                stack.extension.transform, rate=self._rate, origin=begin - layer.start, frames=layer.end - layer.start
            )
            yield layer if motion == Motion() else replace(layer, outer=(*layer.outer, motion))

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
                    yield from self._sound(element.content, index, edges, lane_window, track=self.track(lane))

    def marks(self, stack: Composite, at: Fraction, window: Window) -> Iterator[tuple[int, str]]:
        """The output frame and name of every marker that lies in the window."""
        at, window = self._inside(stack, at, window)
        found = [(at + mark.at, mark.name, window) for mark in stack.marks]
        for lane in stack.lanes:
            lane_at, lane_window = self._inside(lane, at, window)
            found += [(lane_at + mark.at, mark.name, lane_window) for mark in lane.marks]
            for element in lane.elements:
                if isinstance(element.content, Composite):
                    inner = self._window(lane_at, element.start, element.end, lane_window)
                    yield from self.marks(element.content, lane_at + element.start, inner)
        for seconds, name, (first, last) in found:
            frame = frame_at(seconds, self._rate)
            if first <= frame < last:
                yield frame - self._first, name

    def mixer(self) -> tuple[Channel, ...]:
        """How every track that has been heard joins the mix, by its index."""
        names = [lane.name for lane in self._lanes]
        channels: list[Channel] = []
        for lane in self._lanes:
            wanted = lane.extension.duck
            by = tuple(index for index, name in enumerate(names) if wanted and name in wanted.by)
            duck = (
                Duck(by, wanted.amount_db, wanted.threshold_db, wanted.attack_seconds, wanted.release_seconds)
                if wanted and by
                else None
            )
            channels.append(Channel(lane.extension.gain_db, duck))
        return tuple(channels)

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

    def _spans(self, lane: Lane, at: Fraction, window: Window) -> Iterator[tuple[str, Cut | Mix]]:
        """Every span with its blend mode."""
        elements, mixes = self._edges(lane, at)
        dissolves = {dissolve.index: dissolve for dissolve in lane.dissolves}
        shots: list[Shot | None] = []
        for index, element in enumerate(lane.elements):
            start = mixes.get(index, elements[index])[0]
            end = mixes[index + 1][1] if index + 1 in mixes else elements[index][1]
            shots.append(self._shot(element, elements[index], (max(start, window[0]), min(end, window[1]))))
        shots.append(None)
        blends = [_blend(element) for element in lane.elements]
        blends.append(blends[-1] if blends else "normal")
        for index in range(len(lane.elements) + 1):
            if index in mixes:
                start, end = mixes[index]
                first, last = max(start, window[0]), min(end, window[1])
                outgoing = shots[index - 1] if index and dissolves[index].shows_before else None
                incoming = shots[index] if dissolves[index].shows_after else None
                if first < last and (outgoing or incoming):
                    mix = Mix(first, last, outgoing, incoming, end - start, first - start, dissolves[index].kind)
                    blend = blends[index] if incoming else blends[index - 1]
                    yield blend, replace(mix, start=first - self._first, end=last - self._first)
            shot = shots[index]
            if shot is not None:
                start = mixes[index][1] if index in mixes else elements[index][0]
                end = mixes[index + 1][0] if index + 1 in mixes else elements[index][1]
                first, last = max(start, window[0]), min(end, window[1])
                if first < last:
                    yield blends[index], Cut(first - self._first, last - self._first, shot)

    def _shot(self, element: Element, placed: Window, frames: Window) -> Shot | None:
        use = element.content
        first, last = frames
        if not isinstance(use, ClipUse) or first >= last:
            return None
        media_start = use.media_start
        if use.speed < 0:  # backwards, the first frame shown is the last of the clip's part of the source
            media_start += Fraction(placed[1] - placed[0] - 1) / self._rate * -use.speed
        # The frame nearest to the clip's start shows its in-point exactly, wherever between two frames it was cut.
        media_start += (first - placed[0]) / self._rate * use.speed
        look = look_of(use, rate=self._rate, origin=self._origin(use, placed[0]) - first, frames=last - first)
        return Shot(use.source, first - self._first, last - first, media_start, use.speed, look)

    def _origin(self, use: ClipUse, placed: int) -> int:
        """The frame at which the clip itself begins, of which ``use`` may be a later pass of a loop."""
        return placed - frame_at(use.offset, self._rate)

    @staticmethod
    def _runs(spans: Iterator[tuple[str, Cut | Mix]]) -> Iterator[Layer]:
        run: list[Cut | Mix] = []
        mode = "normal"
        for blend, span in spans:
            if run and (run[-1].end != span.start or blend != mode):
                yield Layer(tuple(run), mode)
                run = []
            mode = blend
            run.append(span)
        if run:
            yield Layer(tuple(run), mode)

    def track(self, lane: Lane) -> int:
        """The index of the lane among all tracks, in the order in which they were met."""
        if lane not in self._lanes:
            self._lanes.append(lane)
        return self._lanes.index(lane)

    def _sound(self, use: ClipUse, index: int, edges: _Edges, window: Window, *, track: int) -> Iterator[Sound]:
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
        extension = use.extension
        own_in, own_out = (
            round(seconds * self._rate) for seconds in (extension.fade_in_seconds, extension.fade_out_seconds)
        )
        if first < placed + own_in:
            start = lead[0]
        media_start = use.media_start
        if use.speed < 0:
            media_start += (end - placed) / self._rate * -use.speed
        length = tail[1] - start
        origin = self._origin(use, placed) - start
        yield Sound(
            source=source,
            start=first - self._first,
            end=last - self._first,
            media_start=media_start + (start - placed) / self._rate * use.speed,
            speed=use.speed,
            length=length,
            skipped=first - start,
            fade_in=max(fade_in, own_in if index not in mixes else 0) if start == lead[0] else 0,
            fade_out=max(tail[1] - tail[0], own_out if index + 1 not in mixes else 0),
            gain_db=curve(extension.gain_db, rate=self._rate, origin=origin, frames=length),
            pan=curve(extension.pan, rate=self._rate, origin=origin, frames=length),
            loop=extension.loop and not (isinstance(source, Media) and source.picture),
            track=track,
        )


def _blend(element: Element) -> str:
    return element.content.extension.blend if isinstance(element.content, ClipUse) else "normal"
