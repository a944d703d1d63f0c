"""Parts of a plan as plans of their own, and where a plan's picture changes. The engine's segments are made of these.

An excerpt holds only what is seen and heard in it and knows no position: the same content at two places of a timeline
gives equal excerpts, and rendering an excerpt gives the frames that rendering the whole would have given there.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction

from worker.render.layers import Cut, Layer, Mix, Shot, Sound, shots_of
from worker.render.plan import Plan

Window = tuple[int, int]


def edges(plan: Plan) -> tuple[int, ...]:
    """The frames, ascending, at which the picture's structure changes; 0 and ``plan.frames`` are among them."""
    found = {0, plan.frames}
    for layer in plan.layers:
        for span in layer.spans:
            found |= {span.start, span.end}
    return tuple(sorted(frame for frame in found if 0 <= frame <= plan.frames))


def excerpt(plan: Plan, start: int, end: int) -> Plan:
    """Frames ``start`` to ``end`` of ``plan``, half-open, as a plan that begins at frame 0.

    ValueError unless ``0 <= start < end <= plan.frames``.
    """
    if not 0 <= start < end <= plan.frames:
        raise ValueError(f"frames {start} to {end} are no part of {plan.frames} frames")
    return replace(
        plan,
        frames=end - start,
        layers=tuple(_layers(plan, (start, end))),
        sounds=tuple(_sounds(plan.sounds, (start, end))),
        ignored=(),
        chapters=(),
        subtitles=(),
    )


def _layers(plan: Plan, window: Window) -> Iterator[Layer]:
    for layer in plan.layers:
        spans = [span for span in layer.spans if span.start < window[1] and span.end > window[0]]
        if spans:
            first, last = max(layer.start, window[0]), min(layer.end, window[1])
            outer = tuple(motion.during(first - layer.start, last - first) for motion in layer.outer)
            yield replace(layer, spans=tuple(_spans(spans, plan.rate, window)), outer=outer)


def _spans(spans: list[Cut | Mix], rate: Fraction, window: Window) -> Iterator[Cut | Mix]:
    """The spans cut to the window. A shot that several of them show stays one object: it is opened once."""
    seen: dict[int, Window] = {}
    for span in spans:
        for shot in shots_of(span):
            first, last = seen.get(id(shot), (window[1], window[0]))
            seen[id(shot)] = (min(first, max(span.start, window[0])), max(last, min(span.end, window[1])))
    made: dict[int, Shot] = {}
    for span in spans:
        for shot in shots_of(span):
            if id(shot) not in made:
                made[id(shot)] = _shot(shot, rate, seen[id(shot)], window[0])
        first, last = max(span.start, window[0]), min(span.end, window[1])
        if isinstance(span, Cut):
            yield replace(span, start=first - window[0], end=last - window[0], shot=made[id(span.shot)])
        else:
            yield replace(
                span,
                start=first - window[0],
                end=last - window[0],
                outgoing=span.outgoing and made[id(span.outgoing)],
                incoming=span.incoming and made[id(span.incoming)],
                skipped=span.skipped + first - span.start,
            )


def _shot(shot: Shot, rate: Fraction, shown: Window, origin: int) -> Shot:
    if shown == (shot.start, shot.start + shot.frames):  # all of it, as of most shots: nothing to work out
        return replace(shot, start=shown[0] - origin)
    skipped = shown[0] - shot.start
    return replace(
        shot,
        start=shown[0] - origin,
        frames=shown[1] - shown[0],
        media_start=shot.media_start + skipped / rate * shot.speed,
        look=shot.look.during(skipped, shown[1] - shown[0]),
    )


def _sounds(sounds: Iterable[Sound], window: Window) -> Iterator[Sound]:
    """Sounds keep their own beginning, however much of them is skipped: a tempo filter remembers where it began."""
    for sound in sounds:
        first, last = max(sound.start, window[0]), min(sound.end, window[1])
        if first < last:
            skipped = sound.skipped + first - sound.start
            yield replace(sound, start=first - window[0], end=last - window[0], skipped=skipped)
