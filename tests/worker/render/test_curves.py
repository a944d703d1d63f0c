"""Keyframes: one value per frame, the same in Python as in ffmpeg, and unharmed by cutting."""

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.deskrun_extension import Keyframe
from tests.support.media import MediaShelf
from worker.render.curves import Curve, Key, curve_of, expression, shifted, value_at

EASES = ("hold", "linear", "ease-in", "ease-out", "ease-in-out")
BUSY = tuple(
    Key(frame, value, ease)
    for frame, value, ease in zip((3, 9, 20, 21, 40), (0.0, 2.5, -1.0, 4.0, 3.0), EASES, strict=True)
)

curves = st.lists(
    st.tuples(st.integers(-50, 150), st.floats(-10, 10, allow_nan=False), st.sampled_from(EASES)),
    min_size=1,
    max_size=8,
    unique_by=lambda key: key[0],
).map(lambda keys: tuple(Key(*key) for key in sorted(keys)))


@given(curve=curves, skipped=st.integers(0, 100), frames=st.integers(1, 100))
@settings(max_examples=300)
def test_a_part_of_a_curve_has_the_values_of_the_whole(curve: Curve, skipped: int, frames: int) -> None:
    part = shifted(curve, skipped, frames)
    assert len(part) <= len(curve)
    for frame in (0, frames // 2, frames - 1):
        assert value_at(part, frame) == value_at(curve, frame + skipped)


@given(curve=curves, first=st.integers(0, 50), second=st.integers(0, 50), frames=st.integers(1, 50))
def test_cutting_twice_is_cutting_once(curve: Curve, first: int, second: int, frames: int) -> None:
    assert shifted(shifted(curve, first, second + frames), second, frames) == shifted(curve, first + second, frames)


def test_ffmpeg_sees_the_values_that_python_sees(media: MediaShelf) -> None:
    frames = 50
    sound = f"aevalsrc=exprs='{expression(BUSY, 'n')}':s=8000:n={frames}:d={frames / 8000}"
    command = [str(media.ffmpeg.path), "-v", "error", "-f", "lavfi", "-i", sound, "-f", "f64le", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    seen = memoryview(raw).cast("d")
    assert list(seen) == pytest.approx([value_at(BUSY, frame) for frame in range(frames)])


def test_values_are_constant_outside_the_keys() -> None:
    assert [value_at(BUSY, frame) for frame in (-5, 0, 3, 8, 9, 40, 99)] == [0, 0, 0, 0, 2.5, 3, 3]


def test_a_bezier_curve_is_what_css_draws() -> None:
    made = curve_of([Keyframe(t=0, v=0, ease=(0.25, 0.1, 0.25, 1)), Keyframe(t=2, v=10)], rate=30, first=0)
    # CSS's ``ease``: 0.0947 after a tenth of the time, 0.8024 after half of it.
    assert value_at(made, 6) == pytest.approx(0.947, abs=0.15)
    assert value_at(made, 30) == pytest.approx(8.024, abs=0.1)
    assert value_at(made, 60) == 10


def test_keys_lie_on_the_nearest_frames_of_the_clip() -> None:
    assert curve_of([Keyframe(t=0.05, v=1), Keyframe(t=0.5, v=2)], rate=30, first=-4) == (Key(-2, 1), Key(11, 2))
