"""The commands of the Makefile, as somebody meets them who has just cloned the project."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.source_tree import ROOT, text

TARGETS = re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE)
STEPS_OF_SETUP = {"environment", "project"}


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What setting up needs of a clone."""
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
        monkeypatch.delenv(name, raising=False)
    for name in ("Makefile", "pyproject.toml", "requirements/dev.lock"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)
    return tmp_path


def _make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *arguments], cwd=folder, capture_output=True, text=True, check=False)


def _pretend_to_be_set_up(clone: Path) -> None:
    (clone / ".venv" / "bin").mkdir(parents=True)
    (clone / ".venv" / "bin" / "python").symlink_to(sys.executable)
    lines = (clone / "requirements" / "dev.lock").read_text().splitlines(keepends=True)
    (clone / ".venv" / "pins").write_text("".join(line for line in lines if not line.lstrip().startswith("#")))
    shutil.copyfile(clone / "pyproject.toml", clone / ".venv" / "pyproject.toml")


def test_make_alone_lists_every_command(clone: Path) -> None:
    listed = re.findall(r"^  make ([a-z-]+) +\S", _make(clone).stdout, re.MULTILINE)
    assert sorted(listed) == sorted(set(TARGETS) - STEPS_OF_SETUP)


def test_a_python_that_is_too_old_is_told_and_nothing_is_made(clone: Path) -> None:
    too_old = clone / "python3.10"
    too_old.write_text("#!/bin/sh\nexit 1\n")
    too_old.chmod(0o755)
    made = _make(clone, "setup", f"PYTHON={too_old}")
    assert made.returncode != 0
    assert f"deskrun needs Python 3.11 or newer, and {too_old} is not" in made.stderr
    assert not (clone / ".venv").exists()


def test_what_is_set_up_is_left_alone(clone: Path) -> None:
    _pretend_to_be_set_up(clone)
    with (clone / "requirements" / "dev.lock").open("a") as lock:
        lock.write("    # via something else\n")
    made = _make(clone, "setup", "PYTHON=no-such-python")
    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")


@pytest.mark.parametrize("changed", ["requirements/dev.lock", ".venv/bin/python"])
def test_a_new_lock_or_a_lost_python_sets_up_again(clone: Path, changed: str) -> None:
    _pretend_to_be_set_up(clone)
    (clone / changed).unlink()
    (clone / changed).write_text("# another\n")
    made = _make(clone, "setup", "PYTHON=no-such-python")
    assert made.returncode != 0
    assert "no-such-python" in made.stderr


def test_every_phony_target_is_declared() -> None:
    declared = re.search(r"^\.PHONY: (.*)$", text("Makefile"), re.MULTILINE)
    assert declared is not None
    assert sorted(declared[1].split()) == sorted(TARGETS)


def test_ci_runs_the_commands_that_people_run() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    subprocess.run(["bash", "-n", "-c", script], check=True)
    commands = re.findall(r"^make ([a-z]+)", script, re.MULTILINE)
    assert commands == ["setup", "check", "test"]
    assert script.rstrip().splitlines()[-1].startswith("make test")
    assert ".ci/run" in text("cloudbuild.yaml")
