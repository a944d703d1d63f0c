"""One SQLite file with a pool of connections; the local adapters share it, ``wiring`` opens and closes it."""

import sqlite3
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from functions.errors import Contention, Unavailable

PATIENCE_SECONDS = 10.0
"""How long a writer waits for its turn before ``Contention``."""

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    # NORMAL would lose the last commits with the power, and with them jobs and outbox entries that were answered
    # with 200. One fsync per commit costs 0.12 ms on an SSD; readers pay nothing.
    "PRAGMA synchronous = FULL",
    "PRAGMA cache_size = -1024",
    "PRAGMA journal_size_limit = 67108864",
)


class Database:
    """Readers run side by side on connections of their own; writers of this process take turns.

    The turn is a lock of ours because SQLite's own waiting is a sleep that grows and is not fair. Other processes
    may use the same file; against them SQLite's lock decides.
    """

    def __init__(self, path: Path, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = path
        self._patience_seconds = patience_seconds
        self._idle: deque[sqlite3.Connection] = deque()
        self._closed = False
        self._writing = threading.Lock()
        self._writer: int | None = None

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection in autocommit mode: each statement sees the last commit before it."""
        connection = self.borrow()
        try:
            yield connection
        finally:
            self.give_back(connection)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection inside a transaction that alone may write; commits at the end, rolls back on an exception.

        Raises ``Contention`` when the turn does not come within the patience given, ``Unavailable`` when the
        disk is full, RuntimeError when this thread is already inside.
        """
        self.forbid_in_transaction("a transaction")
        if not self._writing.acquire(timeout=self._patience_seconds):
            raise Contention(retry_after_seconds=1)
        try:
            self._writer = threading.get_ident()
            with self.reading() as connection, _translated():
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    # SQLite ended the transaction itself when the disk was full.
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise
        finally:
            self._writer = None
            self._writing.release()

    def forbid_in_transaction(self, what: str) -> None:
        """RuntimeError when this thread is inside ``writing``, which ``what`` cannot be part of."""
        if self._writer == threading.get_ident():
            raise RuntimeError(f"{what} cannot run inside a transaction")

    def close(self) -> None:
        """Close every connection; those in use are closed when they come back."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def borrow(self) -> sqlite3.Connection:
        """``reading`` without the cost of a context manager; pair it with ``give_back``."""
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect()

    def give_back(self, connection: sqlite3.Connection) -> None:
        """Return a borrowed connection to the pool."""
        if self._closed:
            connection.close()
        else:
            self._idle.append(connection)

    def _connect(self) -> sqlite3.Connection:
        if self._closed:
            raise Unavailable("The control plane is shutting down.")
        connection = sqlite3.connect(
            self._path,
            timeout=self._patience_seconds,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        return connection


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        primary_code = error.sqlite_errorcode & 0xFF
        if primary_code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise Contention(retry_after_seconds=1) from error
        if primary_code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            raise Unavailable("The control plane cannot write to its disk.", hint="Make room on the disk.") from error
        raise
