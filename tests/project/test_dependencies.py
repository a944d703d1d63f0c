"""What is installed is what is declared, locked, tested and used."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra import locks
from tests.project.source_tree import ROOT, imported_by, modules, text

FIXED_BY_THE_USER = {
    "functions_framework": "functions",
    "google.cloud.firestore": "functions",
    "google.cloud.run": "functions",
    "google.cloud.storage": "functions",
    "google.pubsub": "functions",
    "google.cloud.pubsub": "worker",
    "jwt": "functions",
    "pydantic": "schemas",
    "docker": "worker",
    "watchdog": "worker",
}
"""Libraries that the project was asked to stand on, by import name, and the package where each does its work."""

_PIN = re.compile(r"^([a-z0-9._-]+)==([^ ]+)(?: ; (.*?))? \\$", re.MULTILINE)


def _pins(lock: locks.Lock) -> set[tuple[str, ...]]:
    return set(_PIN.findall(text(lock.path)))


@pytest.mark.parametrize(("library", "package"), FIXED_BY_THE_USER.items())
def test_each_library_that_was_asked_for_is_used(library: str, package: str) -> None:
    imported = {name for module in modules(package) for name in imported_by(module)}
    assert any(name == library or name.startswith((f"{library}.", f"{library}_")) for name in imported)


def test_import_rules_hold() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    found = subprocess.run([linter, "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


def test_locks_are_up_to_date() -> None:
    assert locks.stale() == []


@pytest.mark.parametrize("lock", locks.LOCKS, ids=lambda lock: lock.name)
def test_a_changed_requirement_makes_a_lock_stale(lock: locks.Lock, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    declared = text("pyproject.toml")
    (tmp_path / "pyproject.toml").write_text(declared)
    assert lock.path not in locks.stale(tmp_path)
    (tmp_path / "pyproject.toml").write_text(declared.replace("pydantic>=", "pydantic>"))
    assert lock.path in locks.stale(tmp_path)
    (tmp_path / "pyproject.toml").write_text(declared)
    (tmp_path / lock.path).unlink()
    assert locks.stale(tmp_path) == [lock.path]


@pytest.mark.parametrize("lock", locks.LOCKS, ids=lambda lock: lock.name)
def test_locks_pin_every_file_and_name_no_place(lock: locks.Lock) -> None:
    for line in text(lock.path).splitlines():
        assert re.fullmatch(r"#.*|    #.*|[a-z0-9._-]+==\S+( ; .+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?", line)
    assert not re.search(r"://|index|find-links|@", text(lock.path))


@pytest.mark.parametrize("lock", [lock for lock in locks.LOCKS if lock is not locks.DEV], ids=lambda lock: lock.name)
def test_what_is_deployed_is_what_was_tested(lock: locks.Lock) -> None:
    tested = {(name, version) for name, version, _ in _pins(locks.DEV)}
    deployed = {(name, version) for name, version, _ in _pins(lock)}
    assert deployed
    assert deployed - tested == set()


def test_a_function_carries_nothing_of_the_desk_or_the_workshop() -> None:
    deployed = {name for name, _, _ in _pins(next(lock for lock in locks.LOCKS if lock.name == "functions"))}
    assert deployed & {"docker", "keyring", "opentimelineio", "typer", "pytest", "mypy", "uv"} == set()
