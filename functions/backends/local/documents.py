"""``DocumentStore`` in SQLite; ``wiring`` builds it for the local backend.

It holds code to Firestore's rules (reads before writes, ids, sizes), so that what works here works there.
"""

import sqlite3
from collections.abc import Callable

from functions.backends.local.database import Database
from functions.backends.local.document_json import check_id, decode, encode
from functions.backends.local.document_queries import Shape
from functions.ports import Document, T, Transaction, Where

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    document INTEGER PRIMARY KEY,
    collection TEXT NOT NULL,
    id TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (collection, id)
)
"""
_GET = "SELECT body FROM documents WHERE collection = ? AND id = ?"
_PUT = """
INSERT INTO documents (collection, id, body) VALUES (?, ?, ?)
ON CONFLICT (collection, id) DO UPDATE SET body = excluded.body
"""
_DELETE = "DELETE FROM documents WHERE collection = ? AND id = ?"


def _get(connection: sqlite3.Connection, collection: str, doc_id: str) -> Document | None:
    check_id(doc_id)
    row = connection.execute(_GET, (collection, doc_id)).fetchone()
    if row is None:
        return None
    document: Document = decode(row[0])
    return document


class _SqliteTransaction:
    """The reads and writes of one ``Database.writing`` block."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._wrote = False

    def get(self, collection: str, doc_id: str) -> Document | None:
        if self._wrote:
            raise RuntimeError("a transaction reads before it writes")
        return _get(self._connection, collection, doc_id)

    def put(self, collection: str, doc_id: str, document: Document) -> None:
        self._wrote = True
        check_id(doc_id)
        self._connection.execute(_PUT, (collection, doc_id, encode(collection, doc_id, document)))

    def delete(self, collection: str, doc_id: str) -> None:
        self._wrote = True
        check_id(doc_id)
        self._connection.execute(_DELETE, (collection, doc_id))


class SqliteDocumentStore:
    """Documents as rows of JSON text."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._indexed: set[Shape] = set()
        with database.writing() as connection:
            connection.execute(_SCHEMA)

    def get(self, collection: str, doc_id: str) -> Document | None:
        connection = self._database.borrow()
        try:
            return _get(connection, collection, doc_id)
        finally:
            self._database.give_back(connection)

    def query(
        self,
        collection: str,
        *where: Where,
        order_by: str | None = None,
        descending: bool = False,
        limit: int = 100,
        offset: int = 0,
    ) -> list[Document]:
        shape = self._indexed_shape(collection, where, order_by)
        select, parameters = shape.select("body", where)
        statement = f"{select} {shape.order(descending=descending)} LIMIT ? OFFSET ?"
        with self._database.reading() as connection:
            rows = connection.execute(statement, (*parameters, limit, offset)).fetchall()
        return [decode(body) for (body,) in rows]

    def count(self, collection: str, *where: Where) -> int:
        select, parameters = self._indexed_shape(collection, where, None).select("count(*)", where)
        with self._database.reading() as connection:
            total: int = connection.execute(select, parameters).fetchone()[0]
        return total

    def transaction(self, change: Callable[[Transaction], T]) -> T:
        with self._database.writing() as connection:
            return change(_SqliteTransaction(connection))

    def _indexed_shape(self, collection: str, where: tuple[Where, ...], order_by: str | None) -> Shape:
        # Building an index is a write; and on Firestore a query would not belong to the transaction either.
        self._database.forbid_in_transaction("a query")
        shape = Shape.of(collection, where, order_by)
        if shape not in self._indexed:
            self._build_index(shape)
            self._indexed.add(shape)
        return shape

    def _build_index(self, shape: Shape) -> None:
        if shape.index is None:
            return
        known = "SELECT 1 FROM sqlite_master WHERE name = ?"
        with self._database.writing() as connection:
            if not connection.execute(known, (shape.index.strip('"'),)).fetchone():
                for statement in shape.definitions(shape.index):
                    connection.execute(statement)
