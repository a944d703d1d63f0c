"""Fixtures of the tests that run functions as they are deployed."""

from pathlib import Path

import pytest

from infra import bundle
from tests.project.deployed import clean_environment


@pytest.fixture(scope="session")
def staged_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The staged bundle, away from the project."""
    return bundle.stage(tmp_path_factory.mktemp("deployed") / "bundle")


@pytest.fixture(scope="session")
def function_environment() -> Path:
    """A virtual environment with the functions' requirements only."""
    return clean_environment()
