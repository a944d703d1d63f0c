"""Fixtures of the command's tests: a command line of one's own, and one running ``deskrun up`` for the module."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_line import CommandLine, Up
from tests.support.media import media

__all__ = ["media"]


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    """Commands in an empty folder, with no control plane about."""
    return CommandLine(tmp_path)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """``deskrun up``, running; its ``command_line`` runs commands beside it."""
    with Up(CommandLine(tmp_path_factory.mktemp("up"))) as running:
        yield running
