"""The staged source of the functions: what is in it, what is not, and that it is always the same."""

import ast
import subprocess
import sys
from pathlib import Path

from infra import bundle
from tests.project.source_tree import modules, text


def _listing(folder: Path) -> dict[str, tuple[bytes, int, float]]:
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mode, path.stat().st_mtime)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_it_holds_the_entry_the_two_packages_and_the_lock(tmp_path: Path) -> None:
    staged = set(_listing(bundle.stage(tmp_path / "bundle")))
    sources = {name for name in modules("functions", "schemas") if name != "functions/main.py"}
    assert staged == {"main.py", "requirements.txt", *sources}
    assert (tmp_path / "bundle" / "requirements.txt").read_text() == text("requirements/functions.lock")


def test_staging_twice_gives_the_same_bytes_times_and_modes(tmp_path: Path) -> None:
    first = _listing(bundle.stage(tmp_path / "first"))
    assert _listing(bundle.stage(tmp_path / "second")) == first


def test_what_an_earlier_bundle_held_is_gone(tmp_path: Path) -> None:
    left_over = tmp_path / "bundle" / "functions" / "api" / "removed.py"
    left_over.parent.mkdir(parents=True)
    left_over.write_text("raise SystemExit\n")
    bundle.stage(tmp_path / "bundle")
    assert not left_over.exists()


def test_every_import_of_the_bundle_is_in_it_or_in_its_requirements(tmp_path: Path) -> None:
    folder = bundle.stage(tmp_path / "bundle")
    roots = {
        name.partition(".")[0]
        for file in folder.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        for name in _imported(node)
    }
    assert roots & {"worker", "tests", "infra"} == set()


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module and node.level == 0 else []


def test_the_command_tells_where_it_is() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "infra.bundle"], cwd=bundle.ROOT, capture_output=True, text=True, check=True
    )
    assert (bundle.ROOT / told.stdout.strip() / "main.py").is_file()
