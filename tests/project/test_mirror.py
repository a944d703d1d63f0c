"""Every function has its test file, in the same place of the tree."""

import ast
import re
from collections import Counter

from functions import catalog
from tests.project.source_tree import ROOT, functions_in, modules

FUNCTION_FILES = [
    name
    for name in modules("functions")
    if name.startswith(("functions/api/", "functions/events/")) and "__" not in name
]


def test_every_function_has_its_own_file() -> None:
    assert sorted(catalog.names()) == sorted(name.rpartition("/")[2].removesuffix(".py") for name in FUNCTION_FILES)


def test_no_two_functions_have_one_name() -> None:
    # The framework keys its registry by name, and a deployed function is called by it.
    declared = Counter(
        f.name
        for name in FUNCTION_FILES
        for f in functions_in(name)
        if any(isinstance(decorator, ast.Call) for decorator in f.decorator_list)
    )
    assert set(declared.values()) == {1}
    assert set(declared) == set(catalog.names())


def test_every_function_has_its_test_where_one_looks_for_it() -> None:
    expected = [re.sub(r"([^/]+)$", r"test_\1", f"tests/{name}") for name in FUNCTION_FILES]
    assert [test for test in expected if not (ROOT / test).is_file()] == []
