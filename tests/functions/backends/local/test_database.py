"""The SQLite file under load, under a kill, and on a full disk."""

import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from functions.backends.local.database import Database
from functions.backends.local.documents import SqliteDocumentStore
from functions.errors import Contention, Unavailable
from functions.ports import Transaction


@contextmanager
def lock_of_another_process(path: Path) -> Iterator[None]:
    """Whoever else has the file open looks the same to SQLite."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.execute("ROLLBACK")
    other.close()


def test_a_writer_that_waits_too_long_is_told_so(tmp_path: Path) -> None:
    database = Database(tmp_path / "db", patience_seconds=0.2)
    store = SqliteDocumentStore(database)
    with (
        lock_of_another_process(tmp_path / "db"),
        pytest.raises(Contention) as raised,
    ):
        store.transaction(lambda tx: tx.put("things", "a", {}))
    assert raised.value.retry_after_seconds == 1
    store.transaction(lambda tx: tx.put("things", "a", {"n": 1}))
    assert store.get("things", "a") == {"n": 1}
    database.close()


def test_a_writer_of_this_process_that_waits_too_long_is_told_so(tmp_path: Path) -> None:
    database = Database(tmp_path / "db", patience_seconds=0.2)
    store = SqliteDocumentStore(database)
    inside, leave = threading.Event(), threading.Event()

    def slow(_: Transaction) -> None:
        inside.set()
        leave.wait(30)

    thread = threading.Thread(target=store.transaction, args=(slow,))
    thread.start()
    inside.wait(30)
    with pytest.raises(Contention):
        store.transaction(lambda tx: tx.delete("things", "a"))
    leave.set()
    thread.join()
    database.close()


def test_readers_do_not_wait_for_a_writer(tmp_path: Path) -> None:
    database = Database(tmp_path / "db", patience_seconds=0.2)
    store = SqliteDocumentStore(database)
    store.transaction(lambda tx: tx.put("things", "a", {"n": 1}))
    with lock_of_another_process(tmp_path / "db"):
        assert store.get("things", "a") == {"n": 1}
    database.close()


def test_many_threads_lose_no_update(database: Database) -> None:
    store = SqliteDocumentStore(database)
    store.transaction(lambda tx: tx.put("things", "counter", {"n": 0}))

    def increment(tx: Transaction) -> None:
        counter = tx.get("things", "counter")
        assert counter is not None
        tx.put("things", "counter", {"n": counter["n"] + 1})

    def many_times() -> None:
        for _ in range(25):
            store.transaction(increment)

    threads = [threading.Thread(target=many_times) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.get("things", "counter") == {"n": 200}


def test_writers_of_two_processes_take_turns(tmp_path: Path) -> None:
    """Each opens the file for itself. Who reads first and locks later would fail instead of waiting."""
    databases = [Database(tmp_path / "db") for _ in range(2)]
    stores = [SqliteDocumentStore(database) for database in databases]
    stores[0].transaction(lambda tx: tx.put("things", "counter", {"n": 0}))
    errors: list[Contention] = []

    def increment(tx: Transaction) -> None:
        counter = tx.get("things", "counter")
        assert counter is not None
        tx.put("things", "counter", {"n": counter["n"] + 1})

    def many_times(store: SqliteDocumentStore) -> None:
        for _ in range(100):
            try:
                store.transaction(increment)
            except Contention as error:
                errors.append(error)

    threads = [threading.Thread(target=many_times, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert stores[0].get("things", "counter") == {"n": 200}
    for database in databases:
        database.close()


def test_transactions_do_not_nest_and_hold_no_queries(database: Database) -> None:
    store = SqliteDocumentStore(database)
    with pytest.raises(RuntimeError, match="inside a transaction"):
        store.transaction(lambda _: store.transaction(lambda tx: tx.get("things", "a")))
    with pytest.raises(RuntimeError, match="inside a transaction"):
        store.transaction(lambda _: store.query("things"))
    with pytest.raises(RuntimeError, match="inside a transaction"):
        store.transaction(lambda _: store.count("things"))
    assert store.query("things") == []


def test_a_full_disk_is_unavailable_and_changes_nothing(database: Database) -> None:
    store = SqliteDocumentStore(database)
    store.transaction(lambda tx: tx.put("things", "a", {"n": 1}))
    connection = database.borrow()
    connection.execute("PRAGMA max_page_count = 1")  # means: as large as it is, and no page more
    database.give_back(connection)
    with pytest.raises(Unavailable) as raised:
        store.transaction(lambda tx: tx.put("things", "a", {"n": "x" * 200_000}))
    assert raised.value.hint
    connection.execute("PRAGMA max_page_count = 1000000")
    assert store.get("things", "a") == {"n": 1}
    store.transaction(lambda tx: tx.put("things", "a", {"n": 2}))
    assert store.get("things", "a") == {"n": 2}


def test_a_closed_database_says_so(tmp_path: Path) -> None:
    database = Database(tmp_path / "db")
    store = SqliteDocumentStore(database)
    database.close()
    with pytest.raises(Unavailable):
        store.get("things", "a")


def test_other_people_cannot_enter_the_folder(tmp_path: Path) -> None:
    Database(tmp_path / "data" / "db").close()
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0


WRITER = """
import sys
from pathlib import Path
from functions.backends.local.database import Database
from functions.backends.local.documents import SqliteDocumentStore

store = SqliteDocumentStore(Database(Path(sys.argv[1])))
n = 0
while True:
    n += 1
    def change(tx):
        tx.put("things", "left", {"n": n})
        tx.put("things", "right", {"n": n, "ballast": "x" * 50_000})
    store.transaction(change)
    print(n, flush=True)
"""


def test_a_kill_loses_nothing_that_was_committed_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "db")], stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            acknowledged = [int(child.stdout.readline()) for _ in range(20)]
            child.send_signal(signal.SIGKILL)
            acknowledged += [int(line) for line in child.stdout if line.endswith("\n")]
        database = Database(tmp_path / "db")
        store = SqliteDocumentStore(database)
        left, right = store.get("things", "left"), store.get("things", "right")
        assert left is not None
        assert right is not None
        assert left["n"] == right["n"] >= acknowledged[-1]
        database.close()
