"""Transactions on Google's Firestore emulator when they meet, fail or get no answer."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from google.api_core.exceptions import ServiceUnavailable

from functions.backends.gcp.documents import FirestoreDocumentStore
from functions.errors import Contention, TooLarge, Unavailable
from functions.ports import Transaction
from tests.functions.backends.gcp.conftest import GcpSettings


@pytest.fixture
def impatient_store(gcp_settings: GcpSettings, firestore_emulator: str) -> FirestoreDocumentStore:
    return FirestoreDocumentStore(gcp_settings(FIRESTORE_EMULATOR_HOST=firestore_emulator), patience_seconds=0.5)


def increment(tx: Transaction) -> None:
    counter = tx.get("counters", "c") or {"n": 0}
    tx.put("counters", "c", {"n": counter["n"] + 1})


def test_two_who_increment_at_once_lose_nothing(document_store: FirestoreDocumentStore) -> None:
    with ThreadPoolExecutor(2) as pool:
        for _ in range(2):
            for actor in [pool.submit(document_store.transaction, increment) for _ in range(2)]:
                actor.result(timeout=60)

    assert document_store.get("counters", "c") == {"n": 4}


def test_who_waits_longer_than_its_patience_is_told_to_come_again(
    document_store: FirestoreDocumentStore, impatient_store: FirestoreDocumentStore
) -> None:
    document_store.transaction(increment)
    held, release = threading.Event(), threading.Event()

    def hold(tx: Transaction) -> None:
        tx.get("counters", "c")
        held.set()
        release.wait(60)

    with ThreadPoolExecutor(1) as pool:
        holder = pool.submit(document_store.transaction, hold)
        assert held.wait(60)
        try:
            with pytest.raises(Contention) as caught:
                impatient_store.transaction(increment)
        finally:
            release.set()
        holder.result(timeout=60)

    assert caught.value.retry_after_seconds
    assert document_store.get("counters", "c") == {"n": 1}


def test_a_change_that_fails_lets_go_of_what_it_read(
    document_store: FirestoreDocumentStore, impatient_store: FirestoreDocumentStore
) -> None:
    document_store.transaction(increment)

    def fail(tx: Transaction) -> None:
        tx.get("counters", "c")
        raise LookupError("not today")

    with pytest.raises(LookupError):
        document_store.transaction(fail)
    impatient_store.transaction(increment)

    assert document_store.get("counters", "c") == {"n": 2}


def test_a_commit_without_an_answer_is_never_repeated(
    document_store: FirestoreDocumentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = document_store.client.commit

    def commit_and_lose_the_answer(*arguments: Any, **options: Any) -> None:
        commit(*arguments, **options)
        raise ServiceUnavailable("connection reset")

    monkeypatch.setattr(document_store.client, "commit", commit_and_lose_the_answer)

    with pytest.raises(Unavailable):
        document_store.transaction(increment)

    assert document_store.get("counters", "c") == {"n": 1}


def test_a_read_without_an_answer_begins_again(
    document_store: FirestoreDocumentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = document_store.client.batch_get_documents
    failures = [ServiceUnavailable("connection reset")]

    def read_at_the_second_attempt(*arguments: Any, **options: Any) -> Any:
        if failures:
            raise failures.pop()
        return read(*arguments, **options)

    monkeypatch.setattr(document_store.client, "batch_get_documents", read_at_the_second_attempt)

    document_store.transaction(increment)

    assert document_store.get("counters", "c") == {"n": 1}


def test_a_database_that_does_not_answer_is_unavailable(gcp_settings: GcpSettings) -> None:
    store = FirestoreDocumentStore(gcp_settings(FIRESTORE_EMULATOR_HOST="127.0.0.1:9"), patience_seconds=0.2)

    with pytest.raises(Unavailable) as caught:
        store.transaction(increment)

    assert caught.value.retry_after_seconds


def test_a_document_over_the_limit_is_too_large_and_the_transaction_writes_nothing(
    document_store: FirestoreDocumentStore,
) -> None:
    def change(tx: Transaction) -> None:
        tx.put("notes", "small", {"text": "x"})
        tx.put("notes", "large", {"text": "x" * 1024 * 1024})

    with pytest.raises(TooLarge):
        document_store.transaction(change)

    assert document_store.get("notes", "small") is None


@pytest.mark.parametrize("doc_id", ["", ".", "..", "a/b", "/", "__name__", "a/collection/b"])
def test_an_id_that_would_name_something_else_is_refused(document_store: FirestoreDocumentStore, doc_id: str) -> None:
    with pytest.raises(ValueError, match="not a document id"):
        document_store.get("notes", doc_id)
