"""What every ``DocumentStore`` finds, counts and orders."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.ports import Document, DocumentStore, Transaction, Where

NOON = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)

JOBS: dict[str, Document] = {
    "a": {"project": "p1", "status": "queued", "rank": 3, "people": ["ann", "bob"], "at": NOON},
    "b": {"project": "p1", "status": "done", "rank": 1, "people": ["ann"], "at": NOON + timedelta(microseconds=1)},
    "c": {"project": "p2", "status": "queued", "rank": 2, "people": [], "at": NOON + timedelta(days=1)},
    "d": {"project": "p1", "status": "queued", "rank": 1, "people": ["bob", "bob"], "at": NOON - timedelta(seconds=1)},
    "e": {"project": "p2", "status": "done", "rank": 10, "people": "ann", "at": None, "lease": {"until": NOON}},
}


@pytest.fixture
def jobs(document_store: DocumentStore) -> DocumentStore:
    fill(document_store, JOBS)
    fill(document_store, {"x": JOBS["a"]}, collection="others")
    return document_store


def fill(store: DocumentStore, documents: dict[str, Document], collection: str = "jobs") -> None:
    def change(tx: Transaction) -> None:
        for doc_id, document in documents.items():
            tx.put(collection, doc_id, {**document, "name": doc_id})

    store.transaction(change)


def names(store: DocumentStore, *where: Where, **options: Any) -> str:
    return "".join(document["name"] for document in store.query("jobs", *where, **options))


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ([], "abcde"),
        ([Where("status", "==", "queued")], "acd"),
        ([Where("status", "==", "QUEUED")], ""),
        ([Where("status", "==", "it's; DROP TABLE documents --")], ""),
        ([Where("rank", "==", 1)], "bd"),
        ([Where("at", "==", NOON)], "a"),
        ([Where("lease.until", "==", NOON)], "e"),
        ([Where("absent", "==", "x")], ""),
        ([Where("rank", "<=", 2)], "bdc"),
        ([Where("rank", "<=", 0)], ""),
        ([Where("status", "<=", "done")], "be"),
        ([Where("at", "<=", NOON)], "da"),
        ([Where("at", "<=", NOON + timedelta(microseconds=1))], "dab"),
        ([Where("at", "<=", NOON.astimezone())], "da"),
        ([Where("lease.until", "<=", NOON)], "e"),
        ([Where("people", "contains", "ann")], "ab"),
        ([Where("people", "contains", "bob")], "ad"),
        ([Where("people", "contains", "an")], ""),
        ([Where("project", "==", "p1"), Where("status", "==", "queued")], "ad"),
        ([Where("people", "contains", "bob"), Where("status", "==", "queued"), Where("project", "==", "p1")], "ad"),
        ([Where("status", "==", "queued"), Where("at", "<=", NOON)], "da"),
        ([Where("people", "contains", "ann"), Where("at", "<=", NOON)], "a"),
    ],
    ids=lambda value: " and ".join(f"{w.field}{w.op}{w.value}" for w in value) if isinstance(value, list) else value,
)
def test_conditions(jobs: DocumentStore, where: list[Where], expected: str) -> None:
    assert names(jobs, *where) == expected
    assert jobs.count("jobs", *where) == len(expected)


@pytest.mark.parametrize(
    ("where", "options", "expected"),
    [
        ([], {"order_by": "rank"}, "bdcae"),
        ([], {"order_by": "rank", "descending": True}, "eacdb"),
        ([], {"order_by": "at", "limit": 5}, "edabc"),
        ([], {"order_by": "lease.until"}, "e"),
        ([Where("project", "==", "p1")], {"order_by": "at"}, "dab"),
        ([Where("project", "==", "p1")], {"order_by": "at", "descending": True}, "bad"),
        ([Where("at", "<=", NOON)], {"order_by": "at", "descending": True}, "ad"),
        ([Where("people", "contains", "bob")], {"order_by": "rank"}, "da"),
        ([Where("people", "contains", "bob"), Where("status", "==", "queued")], {"order_by": "at"}, "da"),
        ([], {"order_by": "rank", "limit": 2}, "bd"),
        ([], {"order_by": "rank", "limit": 2, "offset": 2}, "ca"),
        ([], {"order_by": "rank", "limit": 2, "offset": 4}, "e"),
        ([], {"order_by": "rank", "limit": 2, "offset": 6}, ""),
        ([Where("people", "contains", "ann")], {"order_by": "at", "descending": True, "limit": 1}, "b"),
    ],
)
def test_order_limit_and_offset(
    jobs: DocumentStore, where: list[Where], options: dict[str, Any], expected: str
) -> None:
    assert names(jobs, *where, **options) == expected


def test_an_empty_collection_has_nothing(document_store: DocumentStore) -> None:
    assert document_store.query("jobs", Where("status", "==", "queued"), order_by="at") == []
    assert document_store.count("jobs") == 0


def test_queries_return_whole_documents(jobs: DocumentStore) -> None:
    assert jobs.query("jobs", Where("name", "==", "e")) == [{**JOBS["e"], "name": "e"}]


def test_queries_follow_every_change(jobs: DocumentStore) -> None:
    queued = Where("status", "==", "queued")
    anns = Where("people", "contains", "ann")
    assert (names(jobs, queued), names(jobs, anns), names(jobs, anns, queued)) == ("acd", "ab", "a")
    fill(jobs, {"a": {**JOBS["a"], "status": "done", "people": ["bob"]}})
    fill(jobs, {"c": {**JOBS["c"], "people": ["cat", "ann"]}})
    fill(jobs, {"f": JOBS["a"]})
    assert (names(jobs, queued), names(jobs, anns), names(jobs, anns, queued)) == ("cdf", "bcf", "cf")
    jobs.transaction(lambda tx: tx.delete("jobs", "c"))
    assert (names(jobs, queued), names(jobs, anns), names(jobs, anns, queued)) == ("df", "bf", "f")
    assert jobs.count("jobs", anns) == 2
    assert jobs.count("jobs") == 5


def test_types_are_never_compared_with_each_other(document_store: DocumentStore) -> None:
    fill(document_store, {"a": {"v": 5}, "b": {"v": "5"}, "c": {"v": NOON}, "d": {"v": None}, "e": {"w": 5}})
    assert names(document_store, Where("v", "==", 5)) == "a"
    assert names(document_store, Where("v", "==", "5")) == "b"
    assert names(document_store, Where("v", "<=", 9)) == "a"
    assert names(document_store, Where("v", "<=", "9")) == "b"
    assert names(document_store, Where("v", "<=", NOON)) == "c"
