"""Values that change over time: one evaluator of keyframes, in Python and as an ffmpeg expression.

The lowering writes curves, excerpts shift them, pictures and sounds read them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from schemas.deskrun_extension import Bezier, Ease, Keyframe

_PIECES = 24
"""Straight pieces that stand for one Bézier curve."""
_SHAPES = {
    "linear": "({u})",
    "ease-in": "pow({u},2)",
    "ease-out": "(1-pow(1-({u}),2))",
    "ease-in-out": "(if(lt({u},0.5),2*pow({u},2),1-2*pow(1-({u}),2)))",
}


@dataclass(frozen=True)
class Key:
    """``value`` at ``frame`` of the shot, which may lie outside it; ``ease`` leads to the next key."""

    frame: int
    value: float
    ease: str = "linear"


Curve = tuple[Key, ...]
"""At least one key, in order of frames. Constant before the first and after the last."""


def constant(value: float) -> Curve:
    """A curve that is ``value`` everywhere."""
    return (Key(0, value),)


ZERO, HALF, ONE = constant(0), constant(0.5), constant(1)


def is_constant(curve: Curve) -> bool:
    """Whether the curve has one value only."""
    return all(key.value == curve[0].value for key in curve)


def curve_of(keys: Sequence[Keyframe], *, rate: float, first: int) -> Curve:
    """Keys in seconds as keys in frames, the clip's beginning being frame ``first``. Keys lie on frames."""
    made: dict[int, Key] = {}
    for index, key in enumerate(keys):
        frame = first + round(key.t * rate)
        if isinstance(key.ease, str):
            made[frame] = Key(frame, key.v, key.ease)
        elif index + 1 < len(keys):
            made |= {piece.frame: piece for piece in _pieces(key, keys[index + 1], rate=rate, first=first)}
        else:
            made[frame] = Key(frame, key.v)
    return tuple(made[frame] for frame in sorted(made))


def _pieces(key: Keyframe, after: Keyframe, *, rate: float, first: int) -> list[Key]:
    assert not isinstance(key.ease, str)  # noqa: S101 - the caller looked
    start, end = first + round(key.t * rate), first + round(after.t * rate)
    count = max(1, min(_PIECES, end - start))
    frames = [start + (end - start) * piece // count for piece in range(count)]
    return [
        Key(frame, key.v + (after.v - key.v) * _bezier(key.ease, (frame - start) / max(1, end - start)))
        for frame in frames
    ]


def _bezier(ease: Bezier, progress: float) -> float:
    """CSS's ``cubic-bezier``: the height of the curve where it is ``progress`` wide, found by halving."""
    x1, y1, x2, y2 = ease
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        if _cubic(x1, x2, middle) < progress:
            low = middle
        else:
            high = middle
    return _cubic(y1, y2, low)


def _cubic(first: float, second: float, at: float) -> float:
    return 3 * (1 - at) ** 2 * at * first + 3 * (1 - at) * at**2 * second + at**3


def value_at(curve: Curve, frame: int) -> float:
    """The curve's value at a frame."""
    if frame <= curve[0].frame:
        return curve[0].value
    for key, after in pairwise(curve):
        if key.frame <= frame < after.frame:
            return key.value + (after.value - key.value) * _eased(
                key.ease, (frame - key.frame), after.frame - key.frame
            )
    return curve[-1].value


def _eased(ease: Ease | str, part: int, whole: int) -> float:
    u = part / whole
    match ease:
        case "hold":
            return 0.0
        case "ease-in":
            return u**2
        case "ease-out":
            return 1 - (1 - u) ** 2
        case "ease-in-out":
            return 2 * u**2 if u < 0.5 else 1 - 2 * (1 - u) ** 2
    return u


def expression(curve: Curve, frame: str) -> str:
    """The curve as an ffmpeg expression of ``frame``, itself an expression. Flat, for ffmpeg limits nesting."""
    if is_constant(curve):
        return f"({curve[0].value!r})"
    first, last = curve[0], curve[-1]
    terms = [f"lt({frame},{first.frame})*({first.value!r})", f"gte({frame},{last.frame})*({last.value!r})"]
    for key, after in pairwise(curve):
        value = f"({key.value!r})"
        if key.ease != "hold" and after.value != key.value:
            u = f"(({frame}-({key.frame}))/{after.frame - key.frame})"
            value = f"({key.value!r}+({after.value - key.value!r})*{_SHAPES[key.ease].format(u=u)})"
        terms.append(f"gte({frame},{key.frame})*lt({frame},{after.frame})*{value}")
    return f"({'+'.join(terms)})"


def shifted(curve: Curve, skipped: int, frames: int) -> Curve:
    """The curve as a shot of ``frames`` frames sees it that begins ``skipped`` frames later: only the keys it needs."""
    if is_constant(curve):
        return constant(curve[0].value)
    moved = [replace(key, frame=key.frame - skipped) for key in curve]
    first = max((index for index, key in enumerate(moved) if key.frame <= 0), default=0)
    last = min((index for index, key in enumerate(moved) if key.frame >= frames - 1), default=len(moved) - 1)
    kept = moved[first : max(first, last) + 1]
    return constant(kept[0].value) if is_constant(tuple(kept)) else tuple(kept)
