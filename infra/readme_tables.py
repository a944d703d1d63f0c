"""Writes the tables of functions/README.md that are derived from the code, between markers. Called by ``make docs``.

A test compares them, so the page cannot fall behind.
"""

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable
from enum import Enum
from itertools import pairwise
from pathlib import Path

from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from functions import catalog, tables
from functions.settings import Settings

ROOT = Path(__file__).parents[1]
PAGE = "functions/README.md"


def settings_table() -> str:
    """Markdown table of every setting; the words are the docstrings under the fields of `functions.settings`."""
    docs = _attribute_docs(Settings)
    lines = ["| variable | default | what it decides |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        lines.append(f"| {_variables(name, field)} | {_default(field)} | {docs[name]} |")
    return "\n".join(lines) + "\n"


def _attribute_docs(model: type) -> dict[str, str]:
    """The docstring under each annotated field, on one line and as Markdown; KeyError later for a field without."""
    body = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    assert isinstance(body, ast.ClassDef)  # noqa: S101 - the source of a class is a class statement
    found: dict[str, str] = {}
    for field, after in pairwise(body.body):
        match field, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                found[name] = " ".join(words.split()).replace("``", "`").replace("|", "\\|")
    return found


def _variables(name: str, field: FieldInfo) -> str:
    alias = field.validation_alias
    prefix = Settings.model_config.get("env_prefix", "")
    names = alias.choices if isinstance(alias, AliasChoices) else [alias or f"{prefix}{name.upper()}"]
    return " or ".join(f"`{variable}`" for variable in names)


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is None:
        return ""
    return f"`{value.value if isinstance(value, Enum) else value}`"


def routes_table() -> str:
    """What ``python -m functions routes`` prints."""
    return tables.routes(catalog.endpoints(), catalog.event_functions())


TABLES: dict[str, Callable[[], str]] = {"routes": routes_table, "settings": settings_table}


def rewritten(page: str) -> str:
    """``page`` with what stands between each pair of markers replaced; ValueError if a pair is missing."""
    for name, table in TABLES.items():
        start, end = f"<!-- {name}: made by `make docs` -->\n", f"<!-- end of {name} -->"
        before, found_start, rest = page.partition(start)
        _, found_end, after = rest.partition(end)
        if not found_start or not found_end:
            raise ValueError(f"{PAGE} has lost its markers of {name!r}")
        page = f"{before}{start}{table()}{end}{after}"
    return page


if __name__ == "__main__":
    file = ROOT / PAGE
    file.write_text(rewritten(file.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
