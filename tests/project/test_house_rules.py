"""The rules of style that no linter knows."""

import ast
import re
import sys

import pytest

from functions.settings import Settings as ControlPlaneSettings
from tests.project.source_tree import FunctionNode, functions_in, imported_by, modules, text, tree
from worker.settings import Settings as WorkerSettings

MAX_FUNCTION_LINES = 70
MAX_MODULE_LINES = 300
MAX_EXPLAINED_MODULE_LINES = 400
MAX_TEST_FILE_LINES = 400
MAX_POSITIONAL_PARAMETERS = 5
FORBIDDEN_WORDS = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
ALL = modules("functions", "infra", "schemas", "tests", "worker")
SHIPPED = modules("functions", "infra", "schemas", "worker")
STANDARD_LIBRARY = sys.stdlib_module_names


def _lines(node: FunctionNode) -> int:
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return (node.end_lineno or node.lineno) - first + 1


def _positional_parameters(node: FunctionNode) -> int:
    names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def test_functions_fit_on_a_screen() -> None:
    too_long = [
        f"{name}: {f.name}, {_lines(f)}" for name in ALL for f in functions_in(name) if _lines(f) > MAX_FUNCTION_LINES
    ]
    assert too_long == []


def test_modules_are_short_and_longer_ones_say_why() -> None:
    too_long = []
    for name in SHIPPED:
        lines = len(text(name).splitlines())
        # A reason is a sentence of the docstring that speaks of the length.
        explained = "lines" in (ast.get_docstring(tree(name)) or "")
        if lines > (MAX_EXPLAINED_MODULE_LINES if explained else MAX_MODULE_LINES):
            too_long.append(f"{name}: {lines}")
    assert too_long == []


def test_test_files_are_short() -> None:
    lines = {name: len(text(name).splitlines()) for name in modules("tests")}
    assert {name: count for name, count in lines.items() if count > MAX_TEST_FILE_LINES} == {}


def test_more_than_five_parameters_are_passed_by_name() -> None:
    too_many = [
        f"{name}: {f.name}, {_positional_parameters(f)}"
        for name in SHIPPED
        for f in functions_in(name)
        if _positional_parameters(f) > MAX_POSITIONAL_PARAMETERS
    ]
    assert too_many == []


def test_every_module_says_what_it_is_for() -> None:
    # The place of a test file says it, and so do the names in it.
    telling = [name for name in ALL if not re.search(r"/test_[^/]+$", name) and text(name).strip()]
    assert [name for name in telling if not ast.get_docstring(tree(name))] == []


def test_no_file_is_named_for_nothing_in_particular() -> None:
    words = {name: set(re.split(r"[/_.]", name)) for name in ALL}
    assert [name for name, found in words.items() if found & FORBIDDEN_WORDS] == []


def test_no_class_or_function_is_named_for_nothing_in_particular() -> None:
    found = []
    for name in ALL:
        for node in ast.walk(tree(name)):
            if isinstance(node, FunctionNode | ast.ClassDef):
                words = {word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+", node.name)}
                found += [f"{name}: {node.name}"] if words & FORBIDDEN_WORDS else []
    assert found == []


def test_nothing_is_left_to_do() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    this_file = "tests/project/test_house_rules.py"
    assert [name for name in ALL if name != this_file and marks.search(text(name))] == []


@pytest.mark.parametrize(
    ("package", "allowed"),
    [
        ("schemas", {"schemas", "pydantic"}),
        ("functions/domain", {"schemas", "pydantic", "functions.domain", "functions.errors"}),
    ],
)
def test_pure_packages_import_nothing_else(package: str, allowed: set[str]) -> None:
    def is_allowed(imported: str) -> bool:
        return imported.partition(".")[0] in STANDARD_LIBRARY or any(
            imported == name or imported.startswith(f"{name}.") for name in allowed
        )

    # ``from functions import domain`` names its package first.
    found = {(name, module) for name in modules(package) for module in imported_by(name) if module != "functions"}
    assert found
    assert {(name, module) for name, module in found if not is_allowed(module)} == set()


def test_every_setting_is_read() -> None:
    read = {
        node.attr
        for name in modules("functions", "worker")
        for node in ast.walk(tree(name))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    }
    declared = {*ControlPlaneSettings.model_fields, *WorkerSettings.model_fields}
    assert declared - read == set()
