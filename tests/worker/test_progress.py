import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.progress import ReportPace, within


@pytest.mark.parametrize(
    ("done", "total", "percent"), [(0, 10, 5), (5, 10, 47.5), (10, 10, 90), (11, 10, 90), (0, 0, 5)]
)
def test_a_phase_fills_its_share(done: int, total: int, percent: float) -> None:
    assert within(5, 90, done, total) == percent


def test_the_first_report_and_each_new_phase_are_due() -> None:
    pace = ReportPace()
    assert pace.is_due(0, "fetching", now_seconds=0)
    assert pace.is_due(0, "rendering", now_seconds=0.001)
    assert not pace.is_due(50, "rendering", now_seconds=0.5)


def test_then_one_a_second_and_only_for_a_change() -> None:
    pace = ReportPace()
    pace.is_due(10, "rendering", now_seconds=0)
    assert not pace.is_due(10.5, "rendering", now_seconds=2)
    assert pace.is_due(11, "rendering", now_seconds=2)


def test_a_slow_render_is_heard_of_every_five_seconds() -> None:
    pace = ReportPace()
    pace.is_due(10, "rendering", now_seconds=0)
    assert not pace.is_due(10, "rendering", now_seconds=4.9)
    assert pace.is_due(10, "rendering", now_seconds=5)


@given(st.lists(st.tuples(st.floats(0.01, 0.5), st.floats(0, 3)), max_size=300))
def test_never_more_than_one_a_second_within_a_phase(steps: list[tuple[float, float]]) -> None:
    pace, now, percent = ReportPace(), 0.0, 0.0
    reported: list[float] = []
    for seconds, change in steps:
        now, percent = now + seconds, percent + change
        if pace.is_due(percent, "rendering", now_seconds=now):
            reported.append(now)
    assert all(later - earlier >= 1 for earlier, later in itertools.pairwise(reported))
