"""Every shape of query has its index: nothing is scanned and nothing is sorted, whatever the size."""

from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from functions.backends.local.database import Database
from functions.backends.local.document_queries import Shape
from functions.backends.local.documents import SqliteDocumentStore
from functions.ports import Where

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PROJECT = Where("project_id", "==", "p1")
QUEUED = Where("status", "==", "queued")
MINE = Where("people", "contains", "ann")
LAPSED = Where("lease_expires_at", "<=", NOW)


@pytest.fixture
def store(database: Database) -> SqliteDocumentStore:
    store = SqliteDocumentStore(database)

    def fill(tx: Any) -> None:
        for n in range(300):
            document = {"project_id": f"p{n % 7}", "status": "queued", "people": ["ann"], "created_at": NOW}
            tx.put("renders", f"j{n}", {**document, "lease_expires_at": NOW if n % 2 else None})
            tx.put("outbox", f"o{n}", {"created_at": NOW})

    store.transaction(fill)
    return store


def plan(database: Database, where: tuple[Where, ...], order_by: str | None, *, descending: bool) -> list[str]:
    shape = Shape.of("renders", where, order_by)
    select, parameters = shape.select("body", where)
    with database.reading() as connection:
        steps = connection.execute(
            f"EXPLAIN QUERY PLAN {select} {shape.order(descending=descending)} LIMIT 50", parameters
        ).fetchall()
    return [detail for *_, detail in steps]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(
    ("where", "order_by", "index"),
    [
        ((PROJECT,), "created_at", "renders by project_id, created_at"),
        ((PROJECT, QUEUED), "created_at", "renders by project_id, status, created_at"),
        ((QUEUED, PROJECT), "created_at", "renders by project_id, status, created_at"),
        ((PROJECT,), None, "renders by project_id"),
        ((LAPSED,), "lease_expires_at", "renders by lease_expires_at"),
        ((LAPSED,), None, "renders by lease_expires_at"),
        ((), "created_at", "renders by created_at"),
        ((MINE,), "created_at", "renders by people[], created_at search"),
        ((MINE, QUEUED), "created_at", "renders by people[], status, created_at search"),
        ((MINE, LAPSED), "lease_expires_at", "renders by people[], lease_expires_at search"),
    ],
)
def test_queries_use_an_index_of_their_own_and_sort_nothing(
    store: SqliteDocumentStore,
    database: Database,
    where: tuple[Where, ...],
    order_by: str | None,
    index: str,
    *,
    descending: bool,
) -> None:
    store.query("renders", *where, order_by=order_by, descending=descending)
    steps = plan(database, where, order_by, descending=descending)
    assert f" INDEX {index}" in steps[0]
    assert steps[0].startswith("SEARCH") or (not where and "SCAN documents USING INDEX" in steps[0])
    assert not any("TEMP B-TREE" in step for step in steps)
    assert all("PRIMARY KEY" in step for step in steps[1:])


def test_an_index_is_of_one_collection_and_is_built_once(store: SqliteDocumentStore, database: Database) -> None:
    for _ in range(2):
        again = SqliteDocumentStore(database)
        assert len(again.query("renders", PROJECT, MINE, order_by="created_at", limit=500)) == 43
        assert len(again.query("renders", PROJECT, order_by="created_at", limit=500)) == 43
    with database.reading() as connection:
        elements = connection.execute('SELECT count(*) FROM "renders by people[], project_id, created_at"').fetchone()
    assert elements == (300,)


def test_indexes_survive_a_restart_and_follow_changes(tmp_path: Path) -> None:
    def put(store: SqliteDocumentStore, n: int) -> None:
        store.transaction(lambda tx: tx.put("renders", f"j{n}", {"people": ["ann", "bob"], "n": n}))

    for run in range(3):
        database = Database(tmp_path / "db")
        store = SqliteDocumentStore(database)
        put(store, run)
        assert [d["n"] for d in store.query("renders", MINE, order_by="n")] == list(range(run + 1))
        database.close()


def test_the_first_queries_of_a_shape_may_come_at_once(store: SqliteDocumentStore, database: Database) -> None:
    found: list[int] = []

    def ask() -> None:
        found.append(
            len(SqliteDocumentStore(database).query("renders", MINE, QUEUED, order_by="created_at", limit=999))
        )

    threads = [Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [300] * 6


@pytest.mark.parametrize("name", ["", "a b", "a'", 'a"', "A", "a.", "a;b", "$", "a[0]"])
def test_only_names_of_our_own_kind_become_sql(store: SqliteDocumentStore, name: str) -> None:
    with pytest.raises(ValueError, match="not names"):
        store.query("renders", Where(name, "==", 1))
    with pytest.raises(ValueError, match="not names"):
        store.query(name)
    if name:
        with pytest.raises(ValueError, match="not names"):
            store.query("renders", order_by=name)


@pytest.mark.parametrize(
    "where", [(MINE, Where("people", "contains", "bob")), (LAPSED, Where("created_at", "<=", NOW))]
)
def test_conditions_that_firestore_cannot_combine_are_refused(
    store: SqliteDocumentStore, where: tuple[Where, ...]
) -> None:
    with pytest.raises(ValueError, match="at most one"):
        store.query("renders", *where)


def test_documents_are_counted_by_firestores_rules(store: SqliteDocumentStore) -> None:
    """https://firebase.google.com/docs/firestore/storage-size: an integer has 8 bytes, whatever its digits."""
    fits = (1024 * 1024 - 200) // 8
    store.transaction(lambda tx: tx.put("renders", "big", {"n": [0] * fits}))
    with pytest.raises(Exception, match="over the limit"):
        store.transaction(lambda tx: tx.put("renders", "big", {"n": [0] * (fits + 30)}))
