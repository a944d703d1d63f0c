"""What every ``DocumentStore`` does with single documents and transactions."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from functions.errors import Contention, TooLarge
from functions.ports import Document, DocumentStore, T, Transaction

NOON = datetime(2026, 3, 29, 12, 0, 0, 123456, tzinfo=UTC)


def put(store: DocumentStore, doc_id: str, document: Document, collection: str = "things") -> None:
    store.transaction(lambda tx: tx.put(collection, doc_id, document))


def test_a_document_that_is_not_there_is_none(document_store: DocumentStore) -> None:
    assert document_store.get("things", "a") is None
    assert document_store.transaction(lambda tx: tx.get("things", "a")) is None


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        0,
        -7,
        2**62,
        2**63 - 1,
        -(2**63),
        0.1,
        -1.5e300,
        "",
        'grün 日本 🎬 \u0000 \\ "quoted" \'',
        [],
        {},
        [1, "two", None, {"three": [4]}],
        {"a": {"b": {"c": None}}},
        {"with space": 2, "dotted.name": 3, "`": 4, "日本": 5},
        {"$at": "not a time"},
        {"$$at": {"$at": {"$time": "x"}}},
        NOON,
        [NOON, {"at": NOON.replace(microsecond=0)}],
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    ],
    ids=lambda value: repr(value)[:30].encode("ascii", "backslashreplace").decode(),
)
def test_what_is_put_comes_back(document_store: DocumentStore, value: Any) -> None:
    put(document_store, "a", {"value": value, "other": 1})
    found = document_store.get("things", "a")
    assert found == {"value": value, "other": 1}
    assert type(found["value"]) is type(value)
    assert document_store.transaction(lambda tx: tx.get("things", "a")) == found


def nested(levels: int) -> Any:
    value: Any = "bottom"
    for _ in range(levels):
        value = {"child": value}
    return value


def test_nesting_has_room(document_store: DocumentStore) -> None:
    put(document_store, "a", nested(15))
    assert document_store.get("things", "a") == nested(15)


def test_times_come_back_as_utc(document_store: DocumentStore) -> None:
    there = NOON.astimezone(timezone(timedelta(hours=5, minutes=45)))
    put(document_store, "a", {"at": there})
    found = document_store.get("things", "a")
    assert found is not None
    assert found["at"] == NOON
    assert found["at"].utcoffset() == timedelta(0)
    assert found["at"].microsecond == 123456


def test_put_replaces_the_whole_document(document_store: DocumentStore) -> None:
    put(document_store, "a", {"old": 1, "both": 1})
    put(document_store, "a", {"new": 2, "both": 2})
    assert document_store.get("things", "a") == {"new": 2, "both": 2}


def test_collections_are_apart(document_store: DocumentStore) -> None:
    put(document_store, "a", {"n": 1}, "things")
    put(document_store, "a", {"n": 2}, "others")
    document_store.transaction(lambda tx: tx.delete("things", "a"))
    assert document_store.get("things", "a") is None
    assert document_store.get("others", "a") == {"n": 2}


def test_delete_of_what_is_not_there_is_no_error(document_store: DocumentStore) -> None:
    document_store.transaction(lambda tx: tx.delete("things", "never"))


def test_a_transaction_returns_what_its_function_returns(document_store: DocumentStore) -> None:
    put(document_store, "a", {"n": 1})

    def change(tx: Transaction) -> int:
        document = tx.get("things", "a")
        assert document is not None
        count: int = document["n"] + 1
        tx.put("things", "a", {"n": count})
        tx.put("things", "b", {"n": 10})
        return count

    assert document_store.transaction(change) == 2
    assert document_store.get("things", "a") == {"n": 2}
    assert document_store.get("things", "b") == {"n": 10}


def test_an_exception_rolls_everything_back(document_store: DocumentStore) -> None:
    put(document_store, "a", {"n": 1})

    class Stop(Exception):
        pass

    def change(tx: Transaction) -> None:
        tx.get("things", "a")
        tx.put("things", "a", {"n": 2})
        tx.put("things", "b", {})
        tx.delete("things", "a")
        raise Stop

    with pytest.raises(Stop):
        document_store.transaction(change)
    assert document_store.get("things", "a") == {"n": 1}
    assert document_store.get("things", "b") is None
    put(document_store, "a", {"n": 3})
    assert document_store.get("things", "a") == {"n": 3}


@pytest.mark.parametrize(
    "write", [lambda tx: tx.put("things", "a", {}), lambda tx: tx.delete("things", "a")], ids=["put", "delete"]
)
def test_a_read_after_a_write_is_refused(document_store: DocumentStore, write: Callable[[Transaction], None]) -> None:
    def change(tx: Transaction) -> None:
        write(tx)
        tx.get("things", "b")

    with pytest.raises(RuntimeError):
        document_store.transaction(change)
    assert document_store.get("things", "a") is None


@pytest.mark.parametrize("doc_id", ["", ".", "..", "a/b", "__a__"])
def test_impossible_ids_are_refused(document_store: DocumentStore, doc_id: str) -> None:
    with pytest.raises(ValueError, match="not a document id"):
        document_store.get("things", doc_id)
    for attempt in (
        lambda tx: tx.get("things", doc_id),
        lambda tx: tx.put("things", doc_id, {}),
        lambda tx: tx.delete("things", doc_id),
    ):
        with pytest.raises(ValueError, match="not a document id"):
            document_store.transaction(attempt)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (NOON.replace(tzinfo=None), ValueError),
        (2**63, ValueError),
        (float("nan"), ValueError),
        (float("inf"), ValueError),
        ("\ud800 is half of a pair", ValueError),
        ([[1]], ValueError),
        ({"": 1}, ValueError),
        ({"__reserved__": 1}, ValueError),
        (nested(30), ValueError),
        ({1, 2}, TypeError),
        (b"bytes", TypeError),
    ],
    ids=[
        "naive time",
        "65 bits",
        "nan",
        "infinity",
        "surrogate",
        "array in array",
        "nameless field",
        "reserved field",
        "too deep",
        "set",
        "bytes",
    ],
)
def test_what_firestore_cannot_hold_is_refused(
    document_store: DocumentStore, value: object, error: type[Exception]
) -> None:
    with pytest.raises(error):
        put(document_store, "a", {"value": value})
    assert document_store.get("things", "a") is None


def test_documents_have_a_limit_of_one_mebibyte(document_store: DocumentStore) -> None:
    put(document_store, "a", {"text": "x" * (1024**2 - 2000)})
    with pytest.raises(TooLarge):
        put(document_store, "b", {"text": "é" * (1024**2 // 2 + 100)})
    assert document_store.get("things", "b") is None


def test_the_reader_owns_what_was_read(document_store: DocumentStore) -> None:
    put(document_store, "a", {"list": [1]})
    first = document_store.get("things", "a")
    assert first is not None
    first["list"].append(2)
    assert document_store.get("things", "a") == {"list": [1]}


def in_parallel(*actions: Callable[[], None]) -> None:
    """Run the actions at once, to the end; what one raises, the test raises."""
    errors: list[BaseException] = []
    together = threading.Barrier(len(actions))

    def run(action: Callable[[], None]) -> None:
        together.wait()
        try:
            action()
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


@pytest.mark.timeout(300)
def test_a_claim_has_exactly_one_winner(document_store: DocumentStore) -> None:
    put(document_store, "job", {"status": "queued", "holder": None})
    won: list[str] = []

    def claim(name: str) -> None:
        def change(tx: Transaction) -> bool:
            job = tx.get("things", "job")
            assert job is not None
            if job["status"] != "queued":
                return False
            tx.put("things", "job", {"status": "processing", "holder": name})
            return True

        if with_patience(lambda: document_store.transaction(change)):
            won.append(name)

    in_parallel(lambda: claim("one"), lambda: claim("two"))
    assert len(won) == 1
    assert document_store.get("things", "job") == {"status": "processing", "holder": won[0]}


@pytest.mark.timeout(300)
def test_no_update_is_lost(document_store: DocumentStore) -> None:
    put(document_store, "counter", {"n": 0})

    def increment(tx: Transaction) -> None:
        counter = tx.get("things", "counter")
        assert counter is not None
        tx.put("things", "counter", {"n": counter["n"] + 1})

    def three_times() -> None:
        for _ in range(3):
            with_patience(lambda: document_store.transaction(increment))

    in_parallel(three_times, three_times)
    assert document_store.get("things", "counter") == {"n": 6}


def with_patience(call: Callable[[], T]) -> T:
    """Contention is an answer that tells to try again."""
    while True:
        try:
            return call()
        except Contention:
            continue
