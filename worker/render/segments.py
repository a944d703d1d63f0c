"""Where to cut a plan so that an edit touches few pieces, and the pieces as plans. The engine calls ``segments``.

Cuts lie where the picture's structure changes. What is shorter than a second is put together, what is longer than ten
is split; where many short pieces follow each other, their content decides where a segment ends, so that inserting one
moves the cuts near it and no others.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil

from worker.render.errors import RenderError
from worker.render.excerpt import edges, excerpt
from worker.render.layers import shots_of
from worker.render.plan import Plan

MAX_SHOTS = 200
"""Shots of one segment: each is an open file and a decoder for as long as the segment takes."""

_SHORTEST_SECONDS = 1
_LONGEST_SECONDS = 10
_BUNCH_SECONDS = 4
"""How long a segment of short pieces may grow while no content ends it."""
_ENDS_OF = 4
"""One short piece in so many ends its segment."""


@dataclass(frozen=True)
class Segment:
    """Output frames ``start`` to ``end``, half-open, as a plan that begins at frame 0."""

    start: int
    end: int
    plan: Plan


def segments(plan: Plan, fingerprint: Callable[[Plan], str]) -> list[Segment]:
    """The plan's picture in pieces, without sound. ``fingerprint`` gives equal plans equal hexadecimal digits.

    RenderError ``too_many_clips`` where more is shown at once than can be.
    """
    silent = _without_sound(plan)
    pieces = _split(silent, _even_cuts(silent))
    found = _split(silent, _bunched(pieces, plan, fingerprint))
    for segment in found:
        _refuse_crowd(segment)
    return found


def whole(plan: Plan) -> Segment:
    """The picture in one piece, for encoders that cannot do it in several."""
    segment = Segment(0, plan.frames, _without_sound(plan))
    _refuse_crowd(segment)
    return segment


def _refuse_crowd(segment: Segment) -> None:
    shots = sum(len(shots_of(span)) for layer in segment.plan.layers for span in layer.spans)
    if shots > MAX_SHOTS:
        raise RenderError(
            "too_many_clips",
            f"frames {segment.start} to {segment.end} show {shots} clips; at most {MAX_SHOTS} can be opened at once",
            hint="a preset that encodes in one pass needs fewer at once than one that encodes in two",
        )


def _without_sound(plan: Plan) -> Plan:
    return replace(excerpt(plan, 0, plan.frames), sounds=(), mixer=(), loudness=None, chapters=(), subtitles=())


def _even_cuts(plan: Plan) -> list[int]:
    """The plan's edges, and cuts inside what is too long, counted from its beginning: a longer end moves none."""
    longest, shortest = int(_LONGEST_SECONDS * plan.rate), ceil(_SHORTEST_SECONDS * plan.rate)
    cuts = [0]
    for start, end in pairwise(edges(plan)):
        cuts += range(start + longest, end - shortest, longest)
        cuts.append(end)
    return cuts


def _split(plan: Plan, cuts: Sequence[int]) -> list[Segment]:
    """The excerpts between neighbouring ``cuts``; by halves, for an excerpt costs as much as its plan is long."""
    if len(cuts) == 2:
        return [Segment(0, plan.frames, excerpt(plan, 0, plan.frames))]
    middle = len(cuts) // 2
    parts: list[Segment] = []
    for half in (cuts[: middle + 1], cuts[middle:]):
        inner = excerpt(plan, half[0] - cuts[0], half[-1] - cuts[0])
        for part in _split(inner, half):
            offset = half[0] - cuts[0]
            parts.append(Segment(part.start + offset, part.end + offset, part.plan))
    return parts


def _bunched(pieces: Sequence[Segment], plan: Plan, fingerprint: Callable[[Plan], str]) -> list[int]:
    """The cuts that remain when short pieces are put together. A long piece ends what short ones before it began."""
    shortest, bunch = ceil(_SHORTEST_SECONDS * plan.rate), ceil(_BUNCH_SECONDS * plan.rate)
    cuts = [0]
    for piece, following in zip(pieces, [*pieces[1:], None], strict=True):
        length = piece.end - cuts[-1]
        if following is None or length < shortest:
            continue
        between = piece.plan.frames < shortest and following.plan.frames < shortest
        if not between or length >= bunch or int(fingerprint(piece.plan), 16) % _ENDS_OF == 0:
            cuts.append(piece.end)
    if len(cuts) > 1 and plan.frames - cuts[-1] < shortest:
        cuts.pop()
    return [*cuts, plan.frames]
