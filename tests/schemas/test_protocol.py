"""PROTOCOL.md is the contract in words: it names every code and topic (``tests/project`` sees to endpoints)."""

from pathlib import Path

import pytest

import schemas
from schemas.errors import HTTP_STATUS, ErrorCode
from schemas.events import Topic

PROTOCOL = (Path(schemas.__file__).parent / "PROTOCOL.md").read_text()


def test_every_code_has_a_status() -> None:
    assert set(HTTP_STATUS) == set(ErrorCode)
    assert all(400 <= status < 600 for status in HTTP_STATUS.values())


@pytest.mark.parametrize("code", ErrorCode)
def test_every_code_is_named(code: ErrorCode) -> None:
    assert f"`{code}`" in PROTOCOL


@pytest.mark.parametrize("topic", [topic for topic in Topic if topic is not Topic.OBJECT_FINALIZED])
def test_every_topic_is_named(topic: Topic) -> None:
    assert f"`deskrun-{topic}`" in PROTOCOL
