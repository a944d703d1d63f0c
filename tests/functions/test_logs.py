"""Log lines: text for people, JSON for the cloud, with the facts of the request around them."""

import json
import logging
import sys

import pytest

from functions.logs import JsonFormatter, TextFormatter, configure, request_context


def record(message: str = "The lease ran out", **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("functions", logging.WARNING, "file.py", 1, message, None, None)
    vars(made).update(extra)
    return made


def test_json_has_the_names_that_cloud_logging_reads() -> None:
    with request_context(request_id="r1"), request_context(function="expire_leases"):
        entry = json.loads(JsonFormatter().format(record(event="lease_expired", job_id="j", password="x")))

    time = entry.pop("time")
    assert time.endswith("+00:00")
    assert entry == {
        "severity": "WARNING",
        "message": "The lease ran out",
        "request_id": "r1",
        "function": "expire_leases",
        "event": "lease_expired",
        "job_id": "j",
    }


def test_text_is_one_line_with_the_facts_at_its_end() -> None:
    with request_context(request_id="r1"):
        line = TextFormatter().format(record(event="lease_expired"))

    assert line[8:] == " warning The lease ran out  request_id=r1 event=lease_expired"
    assert TextFormatter().format(record())[8:] == " warning The lease ran out"


def test_a_traceback_is_kept() -> None:
    try:
        int("why")
    except ValueError:
        failed = record(exc_info=sys.exc_info())

    assert "ValueError: invalid literal" in json.loads(JsonFormatter().format(failed))["stack_trace"]
    assert TextFormatter().format(failed).endswith("with base 10: 'why'")


def test_the_facts_end_with_the_block() -> None:
    with request_context(request_id="r1"):
        pass

    assert "request_id" not in TextFormatter().format(record())


@pytest.mark.parametrize(("log_format", "kind"), [("json", JsonFormatter), ("text", TextFormatter)])
def test_everything_goes_to_stderr_in_one_format(log_format: str, kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)

    configure(log_format)  # type: ignore[arg-type]

    (handler,) = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    assert handler.stream is sys.stderr
    assert isinstance(handler.formatter, kind)
