"""What people read is true: README, PROTOCOL, ARCHITECTURE and the tables made from the code."""

import re

import pytest
from openapi_spec_validator import validate

from functions import catalog, openapi
from functions.domain.jobs import NEXT_STATUSES
from infra import readme_tables
from tests.project.source_tree import files, text

MAKE_TARGETS = set(re.findall(r"^([a-z]+):.*## ", text("Makefile"), re.MULTILINE))
PAGES = [name for name in files() if name.endswith(".md")]


@pytest.mark.parametrize("page", PAGES)
def test_every_make_command_that_is_named_exists(page: str) -> None:
    in_code = "\n".join(re.findall(r"`[^`\n]+`|^```.*?^```", text(page), re.MULTILINE | re.DOTALL))
    named = set(re.findall(r"\bmake ([a-z]+)", in_code))
    assert named - MAKE_TARGETS == set()


def test_the_readme_gives_the_two_commands() -> None:
    assert {"make demo", "make test"} <= set(re.findall(r"make [a-z]+", text("README.md")))


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_is_linked_exists(page: str) -> None:
    folder = page.rpartition("/")[0]
    linked = [target for target in re.findall(r"\]\(([^)#\s]+)", text(page)) if "://" not in target]
    paths = {re.sub(r"[^/]+/\.\./", "", f"{folder}/{target}".strip("/")).rstrip("/") for target in linked}
    assert {
        path for path in paths if path not in files() and not any(f.startswith(f"{path}/") for f in files())
    } == set()


def test_the_protocol_names_every_endpoint() -> None:
    # On that page an ellipsis stands for the project.
    page = re.sub(r"\{[a-z_]+\}", "{}", text("schemas/PROTOCOL.md")).replace(" .../", " /projects/{}/")
    named = {
        (method, path)
        for methods, path in re.findall(r"`([A-Z]+(?:\|[A-Z]+)*) (/[^`\s?]*)", page)
        for method in methods.split("|")
    }
    declared = {(spec.method, re.sub(r"\{[a-z_]+\}", "{}", spec.path)) for spec in catalog.endpoints()}
    assert declared - named == set()
    assert named - declared == set()


def test_the_drawn_states_are_the_coded_ones() -> None:
    diagram = text("ARCHITECTURE.md").partition("stateDiagram")[2].partition("```")[0]
    drawn = {(a, b) for a, b in re.findall(r"^\s*(\w+) --> (\w+)", diagram, re.MULTILINE)}
    assert drawn == {(str(a), str(b)) for a, following in NEXT_STATUSES.items() for b in following}


def test_final_states_are_drawn_as_ends() -> None:
    diagram = text("ARCHITECTURE.md").partition("stateDiagram")[2].partition("```")[0]
    ends = set(re.findall(r"^\s*(\w+) --> \[\*\]", diagram, re.MULTILINE))
    assert ends == {str(status) for status, following in NEXT_STATUSES.items() if not following}


def test_the_openapi_document_is_valid() -> None:
    validate(openapi.document(catalog.endpoints()))


def test_the_tables_of_the_functions_readme_are_up_to_date() -> None:
    assert text(readme_tables.PAGE) == readme_tables.rewritten(text(readme_tables.PAGE))
