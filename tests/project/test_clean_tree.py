"""Nothing in the tree tells where it was built, and no stray file lies in it."""

import re
from pathlib import Path

import pytest

from tests.project.source_tree import ROOT, files, text

PLACES = {
    "a home or work folder": r"(?<![\w.}])/(?:home|root|work|Users)/\w",
    "a package registry": r"\b(?:pypi|files\.pythonhosted|registry\.npmjs|deb\.debian|proxy\.golang)\.org\b",
    "a private address": r"\b(?:10\.\d{1,3}|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.\d{1,3}\.\d{1,3}\b",
}
ENDINGS = {"", ".c", ".json", ".lock", ".md", ".py", ".toml", ".typed", ".yaml"}
MAX_FILE_BYTES = 400_000


@pytest.mark.parametrize("place", PLACES)
def test_no_file_names(place: str) -> None:
    pattern = re.compile(PLACES[place])
    this_file = "tests/project/test_clean_tree.py"
    found = {name: hit.group() for name in files() if name != this_file and (hit := pattern.search(text(name)))}
    assert found == {}


def test_there_are_only_texts_and_no_large_ones() -> None:
    assert {name for name in files() if Path(name).suffix not in ENDINGS} == set()
    sizes = {name: (ROOT / name).stat().st_size for name in files()}
    assert {name: size for name, size in sizes.items() if size > MAX_FILE_BYTES} == {}


def test_pages_keep_to_the_line_length() -> None:
    too_long = {
        f"{name}:{number}"
        for name in files()
        if name.endswith(".md")
        for number, line in enumerate(text(name).splitlines(), 1)
        if len(line) > 160 and not line.startswith("|")
    }
    assert too_long == set()
