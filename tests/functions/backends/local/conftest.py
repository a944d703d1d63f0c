"""A database in a fresh folder and a clock that tests move."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from functions.backends.local.database import Database
from tests.support.clock import MovableClock


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "deskrun.sqlite3")
    yield opened
    opened.close()


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()
