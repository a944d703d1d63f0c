"""Queries over JSON documents as SQL, with an index for every shape of query; ``documents`` runs them.

As in Firestore, a query never scans a collection: the first query of a shape builds the shape's index. Equality and
range use an index on expressions. ``contains`` needs one row per array element, which triggers keep in a table.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from functions.backends.local.document_json import TIME_PREFIX, encode_time
from functions.ports import Where

_FIELD = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*")
_COLLECTION = re.compile(r"[a-z_][a-z0-9_]*")

_LOWEST: dict[type, str | int] = {str: "", datetime: TIME_PREFIX, int: -(2**63)}
"""Where a range over values of a type starts: ``<=`` never compares values of different types."""


@dataclass(frozen=True)
class Shape:
    """A query without its values: what an index is for."""

    collection: str
    equal: tuple[str, ...]
    contains: str | None
    below: str | None
    order_by: str | None

    @classmethod
    def of(cls, collection: str, where: tuple[Where, ...], order_by: str | None) -> Self:
        """The shape of a query; ValueError for names, or combinations of conditions, that are not served."""
        fields = [condition.field for condition in where] + ([order_by] if order_by else [])
        # The names become part of the SQL: they come from our own code, and it shall stay so.
        if not _COLLECTION.fullmatch(collection) or not all(_FIELD.fullmatch(name) for name in fields):
            raise ValueError(f"not names of a collection and its fields: {collection!r}, {fields}")
        by_op = {op: [c.field for c in where if c.op == op] for op in ("==", "contains", "<=")}
        if len(by_op["contains"]) > 1 or len(by_op["<="]) > 1:
            raise ValueError("a query has at most one `contains` and one `<=`")
        below = by_op["<="][0] if by_op["<="] else None
        return cls(
            collection=collection,
            equal=tuple(sorted(by_op["=="])),
            contains=by_op["contains"][0] if by_op["contains"] else None,
            below=below,
            order_by=order_by or below,
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """Fields of the index, in its order."""
        return (*self.equal, *((self.order_by,) if self.order_by else ()))

    @property
    def index(self) -> str | None:
        """Name of the index; None when the order of ids is all that is needed."""
        listed = [f"{self.contains}[]"] if self.contains else []
        listed += self.columns
        return f'"{self.collection} by {", ".join(listed)}"' if listed else None

    def definitions(self, index: str) -> list[str]:
        """Statements that create ``index`` and fill it."""
        if self.contains is None:
            columns = ", ".join(_value(name) for name in self.columns)
            return [f"CREATE INDEX {index} ON documents ({columns}, id) WHERE collection = '{self.collection}'"]
        return self._element_definitions(index, self.contains)

    def _element_definitions(self, table: str, array: str) -> list[str]:
        named = [f"c{number}" for number in range(len(self.columns))]
        columns = "".join(f", {name}" for name in named)

        def rows(body: str, source: str) -> str:
            values = "".join(f", {_value(name, body)}" for name in self.columns)
            return (
                f"INSERT INTO {table} (element, document, id{columns}) "
                f"SELECT DISTINCT each.value, {source.format(values=values)} "
            )

        def name(suffix: str) -> str:
            return f'{table[:-1]} {suffix}"'

        path = _path(array)
        of_new = rows("NEW.body", "NEW.document, NEW.id{values}") + (
            f"FROM json_each(NEW.body, '{path}') AS each WHERE json_type(NEW.body, '{path}') = 'array'"
        )
        of_old = f"DELETE FROM {table} WHERE document = OLD.document"  # noqa: S608 - names checked by Shape.of
        backfill = rows("body", "document, documents.id{values}") + (
            f"FROM documents, json_each(body, '{path}') AS each "
            f"WHERE collection = '{self.collection}' AND json_type(body, '{path}') = 'array'"
        )
        trigger = f"ON documents WHEN {{row}}.collection = '{self.collection}' BEGIN"
        return [
            f"CREATE TABLE {table} (element, document INTEGER NOT NULL, id TEXT NOT NULL{columns})",
            f"CREATE INDEX {name('search')} ON {table} (element{columns}, id, document)",
            f"CREATE INDEX {name('documents')} ON {table} (document)",
            f"CREATE TRIGGER {name('insert')} AFTER INSERT {trigger.format(row='NEW')} {of_new}; END",
            f"CREATE TRIGGER {name('update')} AFTER UPDATE {trigger.format(row='NEW')} {of_old}; {of_new}; END",
            f"CREATE TRIGGER {name('delete')} AFTER DELETE {trigger.format(row='OLD')} {of_old}; END",
            backfill,
        ]

    def select(self, result: str, where: tuple[Where, ...]) -> tuple[str, list[str | int]]:
        """``SELECT result`` of the documents that meet ``where``, without an order, and its parameters."""
        if self.contains is None:
            source = f"documents INDEXED BY {self.index}" if self.index else "documents"
            conditions = [f"collection = '{self.collection}'"]
        else:
            # CROSS JOIN keeps the order: elements first.
            source = f"{self.index} AS e CROSS JOIN documents USING (document)"
            conditions = []
        parameters: list[str | int] = []
        for condition in where:
            if condition.op == "contains":
                conditions.append("e.element = ?")
            elif condition.op == "==":
                conditions.append(f"{self._column(condition.field)} = ?")
            else:
                conditions.append(f"{self._column(condition.field)} BETWEEN ? AND ?")
                parameters.append(_LOWEST[type(condition.value)])
            parameters.append(_parameter(condition.value))
        if self.order_by:
            conditions.append(f"json_type(body, '{_path(self.order_by)}') IS NOT NULL")
        return f"SELECT {result} FROM {source} WHERE {' AND '.join(conditions)}", parameters  # noqa: S608 - as above

    def order(self, *, descending: bool) -> str:
        """``ORDER BY``; like Firestore, ids break ties in the same direction."""
        direction = "DESC" if descending else "ASC"
        by_id = f"{'e' if self.contains else 'documents'}.id {direction}"
        return f"ORDER BY {self._column(self.order_by)} {direction}, {by_id}" if self.order_by else f"ORDER BY {by_id}"

    def _column(self, name: str) -> str:
        """The indexed value of a field; a field that is not in the index is read from the document."""
        if self.contains is None or name not in self.columns:
            return _value(name)
        return f"e.c{self.columns.index(name)}"


def _path(name: str) -> str:
    return "$." + ".".join(f'"{part}"' for part in name.split("."))


def _value(name: str, body: str = "body") -> str:
    return f"json_extract({body}, '{_path(name)}')"


def _parameter(value: str | int | datetime) -> str | int:
    return encode_time(value) if isinstance(value, datetime) else value
