import asyncio

import pytest

from worker.errors import Gone, LeaseHeld, LeaseLost, Offline, Refused, Retry, Unauthenticated, UploadRejected
from worker.retries import LOGIN_SECONDS, LONGEST_RETRY_AFTER_SECONDS, LONGEST_SECONDS, delay_seconds, retrying


def test_the_delay_doubles_from_half_a_second_to_thirty() -> None:
    longest = [delay_seconds(Offline(""), attempt, random_unit=1.0) for attempt in range(9)]
    assert longest == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_jitter_takes_any_part_of_the_delay() -> None:
    assert delay_seconds(Retry(""), 3, random_unit=0.0) == 0
    assert delay_seconds(Retry(""), 3, random_unit=0.25) == 1


def test_an_endless_outage_does_not_overflow() -> None:
    assert delay_seconds(Retry(""), 10**6, random_unit=1.0) == LONGEST_SECONDS


def test_retry_after_wins_but_is_not_believed_without_limit() -> None:
    assert delay_seconds(Retry("", after_seconds=7), 0, random_unit=0.0) == 7
    assert delay_seconds(Retry("", after_seconds=10**9), 0, random_unit=0.0) == LONGEST_RETRY_AFTER_SECONDS


def test_a_refused_token_is_tried_again_every_minute() -> None:
    assert delay_seconds(Unauthenticated(""), 9, random_unit=0.0) == LOGIN_SECONDS


@pytest.mark.parametrize("kind", [Gone, LeaseHeld, LeaseLost, Refused, UploadRejected])
def test_what_trying_again_cannot_change_is_not_tried_again(kind: type[Gone]) -> None:
    calls = 0

    async def call() -> None:
        nonlocal calls
        calls += 1
        raise kind("no")

    with pytest.raises(kind):
        asyncio.run(retrying(call))
    assert calls == 1


def test_it_tries_until_it_succeeds_and_tells_each_time() -> None:
    told: list[float] = []
    answers = iter([Offline("a"), Retry("b", after_seconds=0), None])

    async def call() -> str:
        error = next(answers)
        if error is not None:
            raise error
        return "done"

    assert asyncio.run(retrying(call, on_retry=lambda _, wait: told.append(wait))) == "done"
    assert len(told) == 2


def test_it_gives_up_when_the_next_try_would_be_too_late() -> None:
    async def call() -> None:
        raise Retry("later", after_seconds=100)

    with pytest.raises(Retry, match="later"):
        asyncio.run(retrying(call, within_seconds=50))
