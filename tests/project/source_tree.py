"""The project's own files, as the tests of this folder read them."""

import ast
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

ROOT = Path(__file__).parents[2]
FOLDERS = (".ci", "functions", "infra", "requirements", "schemas", "tests", "worker")
PAGES_AND_SETTINGS = {"", ".md", ".toml", ".yaml"}
FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@lru_cache(maxsize=1)
def files() -> list[str]:
    """Every file of the project, relative to its root; what people keep beside it in their checkout is theirs."""
    ignored = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text().splitlines()]
    at_the_root = [path for path in ROOT.iterdir() if path.is_file() and path.suffix in PAGES_AND_SETTINGS]
    below = [path for folder in FOLDERS for path in _walk(ROOT / folder, ignored)]
    return sorted(path.relative_to(ROOT).as_posix() for path in (*at_the_root, *below))


def _walk(folder: Path, ignored: list[str]) -> Iterator[Path]:
    for path in folder.iterdir():
        if any(fnmatch(path.name, pattern) for pattern in ignored):
            continue
        if path.is_dir():
            yield from _walk(path, ignored)
        elif path.is_file():
            yield path


def modules(*packages: str) -> list[str]:
    """Every Python module below ``packages``, relative to the root."""
    return [name for name in files() if name.endswith(".py") and name.startswith(tuple(f"{p}/" for p in packages))]


@lru_cache(maxsize=1024)
def text(name: str) -> str:
    """The content of one file."""
    return (ROOT / name).read_text(encoding="utf-8")


@lru_cache(maxsize=1024)
def tree(name: str) -> ast.Module:
    """The syntax tree of one module."""
    return ast.parse(text(name), name)


def functions_in(name: str) -> Iterator[FunctionNode]:
    """Every ``def`` of a module, nested ones included."""
    for node in ast.walk(tree(name)):
        if isinstance(node, FunctionNode):
            yield node


def imported_by(name: str) -> set[str]:
    """Full dotted names of the modules that a module imports, wherever it does; ``a.b`` of ``from a.b import c``."""
    found: set[str] = set()
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.update({node.module, *(f"{node.module}.{alias.name}" for alias in node.names)})
    return found
