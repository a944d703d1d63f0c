"""Base of everything kept in the document store."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from schemas.message import UtcTime


class Record(BaseModel):
    """A stored document. Unknown fields are dropped on reading, so an older function reads a newer record."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    @classmethod
    def load(cls, document: dict[str, Any]) -> Self:
        """The record of a document."""
        return cls.model_validate(document)

    def dump(self) -> dict[str, Any]:
        """The document of a record: JSON values and aware datetimes."""
        return self.model_dump()

    def changed(self, **changes: Any) -> Self:
        """A copy with other values; the caller answers for their types."""
        return self.model_copy(update=changes)


class Created(Record):
    """What every record that a creating call makes has."""

    created_by: str
    created_at: UtcTime
    request_fingerprint: str | None = None
    """Hash of the request, when it came with an Idempotency-Key."""
