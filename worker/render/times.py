"""Exact times for the planner: OTIO's floating-point rates and values as fractions, and seconds as frame numbers."""

from fractions import Fraction

import opentimelineio as otio

NTSC = Fraction(1000, 1001)


def exact_rate(rate: float) -> Fraction:
    """Frames per second as the fraction that was meant: 23.976, 23.98 and 24000/1001 are all 24000/1001."""
    nearest = round(rate)
    if abs(rate - nearest) < 1e-4:
        return Fraction(nearest)
    nominal = round(rate / NTSC)
    if abs(rate / NTSC - nominal) < 0.005:
        return nominal * NTSC
    return Fraction(rate).limit_denominator(1000)


def exact_seconds(time: otio.opentime.RationalTime) -> Fraction:
    """The time in seconds, free of rounding: summing a million of them does not drift."""
    return Fraction(time.value).limit_denominator(1_000_000) / exact_rate(time.rate)


def frame_at(seconds: Fraction, rate: Fraction) -> int:
    """The frame boundary nearest to ``seconds`` (halves go up)."""
    return (seconds * rate + Fraction(1, 2)).__floor__()
