"""Fixtures of the fault tests, and the logs of their processes when one fails."""

from tests.support.places import place
from tests.support.process_logs import pytest_runtest_makereport
from tests.support.scenes import clip, control_plane, studio

__all__ = ["clip", "control_plane", "place", "pytest_runtest_makereport", "studio"]
