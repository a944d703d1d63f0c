"""The cache of the issuer's keys: what it asks, how often, and what it does when there is no answer."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from functions import issuer_keys
from functions.errors import Unavailable
from functions.issuer_keys import FETCH_SECONDS, FRESH_SECONDS, PAUSE_SECONDS, STALE_SECONDS, IssuerKeys
from tests.functions.issuer import Issuer, serving_issuer


class Stopwatch:
    """Time that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serving_issuer() as running:
        yield running


@pytest.fixture
def stopwatch(monkeypatch: pytest.MonkeyPatch) -> Stopwatch:
    watch = Stopwatch()
    monkeypatch.setattr(issuer_keys, "monotonic", watch)
    return watch


def test_many_callers_ask_once(issuer: Issuer) -> None:
    keys = IssuerKeys(issuer.url)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(keys.find, ["rsa", "ec"] * 8))

    assert all(key is not None for key in found)
    assert issuer.asked == 1


def test_invented_key_ids_do_not_multiply_requests(issuer: Issuer, stopwatch: Stopwatch) -> None:
    keys = IssuerKeys(issuer.url)

    assert [keys.find(f"invented-{n}") for n in range(50)] == [None] * 50
    assert issuer.asked == 1

    stopwatch.now += PAUSE_SECONDS
    assert keys.find("invented") is None
    assert issuer.asked == 2


def test_a_new_key_is_found_after_the_pause(issuer: Issuer, stopwatch: Stopwatch) -> None:
    issuer.answer = 200, issuer.keys.replace(b'"rsa"', b'"old"')
    keys = IssuerKeys(issuer.url)
    assert keys.find("rsa") is None

    issuer.answer = 200, issuer.keys
    stopwatch.now += PAUSE_SECONDS

    assert keys.find("rsa") is not None
    assert keys.find("old") is None


def test_known_keys_outlive_a_silent_issuer_for_a_while(issuer: Issuer, stopwatch: Stopwatch) -> None:
    keys = IssuerKeys(issuer.url)
    assert keys.find("rsa")
    issuer.answer = 503, b""

    stopwatch.now += FRESH_SECONDS
    assert keys.find("rsa")
    assert issuer.asked == 2
    stopwatch.now += STALE_SECONDS
    with pytest.raises(Unavailable):
        keys.find("rsa")


def test_a_withdrawn_key_ends_with_the_next_fetch(issuer: Issuer, stopwatch: Stopwatch) -> None:
    keys = IssuerKeys(issuer.url)
    assert keys.find("rsa")
    issuer.answer = 200, issuer.keys.replace(b'"rsa"', b'"new"')

    stopwatch.now += FRESH_SECONDS

    assert keys.find("rsa") is None


def test_a_hanging_issuer_holds_nobody_longer_than_one_fetch(issuer: Issuer) -> None:
    issuer.hang.set()
    keys = IssuerKeys(issuer.url)

    def refused(_: int) -> bool:
        with pytest.raises(Unavailable):
            keys.find("rsa")
        return True

    with ThreadPoolExecutor(12) as pool:
        # One after the other they would need twelve times as long as one fetch.
        assert all(pool.map(refused, range(12), timeout=FETCH_SECONDS * 3))
    assert issuer.asked == 1
    assert refused(0)
