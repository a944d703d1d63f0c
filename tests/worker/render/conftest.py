"""Fixtures of the render tests: the shelf of media and a studio to render in."""

from pathlib import Path

import pytest

from tests.support.media import MediaShelf, media
from tests.worker.render.cuts import Studio
from tests.worker.render.desk import EngineDesk
from worker.render.cache import SegmentCache

__all__ = ["desk", "media", "studio"]


@pytest.fixture
def studio(media: MediaShelf, tmp_path: Path) -> Studio:
    """A place to render in."""
    return Studio(media, tmp_path)


@pytest.fixture
def desk(media: MediaShelf, tmp_path: Path) -> EngineDesk:
    """A place to render in again and again, with a cache."""
    return EngineDesk(media, tmp_path, SegmentCache(tmp_path / "cache"))
