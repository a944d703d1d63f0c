"""Compiles the hash-pinned locks and tells whether they are up to date. Called by ``make lock`` and ``make check``.

The first line of a lock carries a fingerprint of the requirements it was compiled from, so the check needs no network.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYTHON_VERSION = "3.11"
"""The oldest Python the locks resolve for; markers cover the newer ones."""


@dataclass(frozen=True)
class Lock:
    """One lock: the optional dependencies and groups of ``pyproject.toml`` that go into it."""

    name: str
    extras: tuple[str, ...]
    groups: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Relative to the root of the project."""
        return f"requirements/{self.name}.lock"


DEV = Lock("dev", extras=("functions", "worker"), groups=("dev",))
LOCKS = (DEV, Lock("functions", extras=("functions",)), Lock("worker", extras=("worker",)))
"""The first holds all; the others take their versions from it, so that what is tested is what is deployed."""


def fingerprint(lock: Lock, root: Path = ROOT) -> str:
    """What identifies the requirements of ``lock`` as they stand in ``pyproject.toml``."""
    declared = tomllib.loads((root / "pyproject.toml").read_text())
    project = declared["project"]
    requirements = {
        "python": project["requires-python"],
        "always": sorted(project["dependencies"]),
        "extras": {extra: sorted(project["optional-dependencies"][extra]) for extra in lock.extras},
        "groups": {group: sorted(declared["dependency-groups"][group]) for group in lock.groups},
    }
    return hashlib.sha256(json.dumps(requirements, sort_keys=True).encode()).hexdigest()[:16]


def heading(lock: Lock, root: Path = ROOT) -> str:
    """The first line of an up-to-date lock."""
    return f"# Made by `make lock` from the requirements {fingerprint(lock, root)} of pyproject.toml."


def stale(root: Path = ROOT) -> list[str]:
    """Paths of the locks that are missing or were compiled from other requirements."""
    return [lock.path for lock in LOCKS if not _starts_with(root / lock.path, heading(lock, root))]


def _starts_with(file: Path, line: str) -> bool:
    return file.is_file() and file.read_text().partition("\n")[0] == line


def compile_lock(lock: Lock, *, upgrade: bool, root: Path = ROOT) -> None:
    """Resolve ``lock``; versions in the present file stay unless ``upgrade``. CalledProcessError if there is no way."""
    file = root / lock.path
    if lock is not DEV:
        shutil.copyfile(root / DEV.path, file)
    arguments = [
        *("uv", "pip", "compile", "pyproject.toml", "--quiet", "--universal", "--generate-hashes", "--no-header"),
        *("--python-version", PYTHON_VERSION, "--output-file", lock.path),
        *(word for extra in lock.extras for word in ("--extra", extra)),
        *(word for group in lock.groups for word in ("--group", group)),
        *(("--upgrade",) if upgrade and lock is DEV else ()),
    ]
    beside_this_python = os.pathsep.join((str(Path(sys.executable).parent), os.defpath))
    # The environment is handed on, not read: where packages come from is the person's own setting.
    environment = os.environ | {"PATH": beside_this_python}  # noqa: TID251
    subprocess.run(arguments, cwd=root, env=environment, check=True)
    file.write_text(f"{heading(lock, root)}\n{file.read_text()}")


def main(argv: list[str] | None = None) -> int:
    """Compile every lock, or only check them; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.locks", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only tell whether the locks are up to date")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that the requirements allow")
    arguments = parser.parse_args(argv)
    if not arguments.check:
        for lock in LOCKS:
            compile_lock(lock, upgrade=arguments.upgrade)
            sys.stdout.write(f"{lock.path}\n")
        return 0
    if old := stale():
        sys.stderr.write(f"Not compiled from today's pyproject.toml: {', '.join(old)}. Run `make lock`.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
