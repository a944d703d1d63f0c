"""Stages the source that every function is deployed from. Called by ``make bundle``, deployment and its tests.

The functions framework puts only the directory of ``main.py`` on ``sys.path``, so that file stands at the root, beside
the two packages. Equal sources give equal bytes, times and modes: an archive changes only when a function may.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
BUNDLE = ROOT / "build" / "functions"
PACKAGES = ("functions", "schemas")
_ENTRY = "functions/main.py"
_TIMESTAMP_SECONDS = 315532800
"""1980-01-01, the first moment that a zip archive can tell."""


def stage(target: Path = BUNDLE, root: Path = ROOT) -> Path:
    """Make ``target`` the bundle of the project at ``root``, and nothing else; returns it."""
    shutil.rmtree(target, ignore_errors=True)
    for source, staged in _contents(root):
        file = target / staged
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / source, file)
        file.chmod(0o644)
    for path in (target, *target.rglob("*")):
        os.utime(path, (_TIMESTAMP_SECONDS, _TIMESTAMP_SECONDS))
    return target


def _contents(root: Path) -> Iterator[tuple[str, str]]:
    """Source and staged path of every file, relative to the project and to the bundle."""
    yield "requirements/functions.lock", "requirements.txt"
    yield _ENTRY, "main.py"
    for package in PACKAGES:
        for file in sorted((root / package).rglob("*.py")):
            name = file.relative_to(root).as_posix()
            if name != _ENTRY:
                yield name, name


if __name__ == "__main__":
    sys.stdout.write(f"{stage().relative_to(ROOT)}\n")
