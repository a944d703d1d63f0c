"""Shows what a failed test's processes have logged; the ``conftest.py`` of tests with processes imports the hook."""

from collections.abc import Generator
from pathlib import Path

import pytest

SHOWN_CHARACTERS = 6000


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the end of every ``*.log`` below the failed test's folder to its report."""
    report = yield
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    if report.failed and isinstance(folder, Path):
        for log in sorted(folder.glob("*.log")):
            report.sections.append((log.name, log.read_text(errors="replace")[-SHOWN_CHARACTERS:]))
    return report
