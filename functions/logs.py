"""Logging of the control plane: text for people, JSON with Google's field names for the cloud."""

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Literal

_context: ContextVar[Mapping[str, str]] = ContextVar("log_context", default=MappingProxyType({}))
_EXTRA = ("event", "status", "duration_ms", "job_id", "project_id", "worker_id", "attempt", "topic")


@contextmanager
def request_context(**facts: str) -> Iterator[None]:
    """Add ``facts`` to every record logged inside, in threads started from here too."""
    token = _context.set({**_context.get(), **facts})
    try:
        yield
    finally:
        _context.reset(token)


def _facts(record: logging.LogRecord) -> dict[str, object]:
    own = {key: value for key in _EXTRA if (value := getattr(record, key, None)) is not None}
    return {**_context.get(), **own}


class TextFormatter(logging.Formatter):
    """``time level message key=value ...``."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and the traceback if there is one."""
        line = f"{datetime.now(UTC):%H:%M:%S} {record.levelname.lower():7} {record.getMessage()}"
        facts = " ".join(f"{key}={value}" for key, value in _facts(record).items())
        trace = "\n" + self.formatException(record.exc_info) if record.exc_info else ""
        return f"{line}  {facts}{trace}" if facts else line + trace


_to_json = json.JSONEncoder(default=str).encode


class JsonFormatter(logging.Formatter):
    """One JSON object a line, with the ``severity`` and ``message`` that Cloud Logging reads."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        entry: dict[str, object] = {
            "severity": record.levelname,
            "message": record.getMessage(),
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            **_facts(record),
        }
        if record.exc_info:
            entry["stack_trace"] = self.formatException(record.exc_info)
        return _to_json(entry)


def configure(log_format: Literal["text", "json"], level: int = logging.INFO) -> None:
    """Send all records to stderr in ``log_format``."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
