"""Fixtures of the render tests: the shelf of media and a studio to render in."""

from pathlib import Path

import pytest

from tests.support.media import MediaShelf, media
from tests.worker.render.cuts import Studio

__all__ = ["media", "studio"]


@pytest.fixture
def studio(media: MediaShelf, tmp_path: Path) -> Studio:
    """A place to render in."""
    return Studio(media, tmp_path)
