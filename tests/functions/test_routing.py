"""Paths to endpoints."""

from dataclasses import dataclass

import pytest

from functions.errors import MethodNotAllowed, NotFound
from functions.routing import RouteTable, parameter_names


@dataclass(frozen=True)
class Spec:
    method: str
    path: str


TABLE = RouteTable(
    [
        Spec("GET", "/projects/{project_id}"),
        Spec("DELETE", "/projects/{project_id}"),
        Spec("GET", "/projects/{project_id}/renders/{job_id}"),
        Spec("GET", "/projects/{project_id}/renders/latest"),
        Spec("GET", "/projects"),
    ]
)


@pytest.mark.parametrize("prefix", ["", "/api/v1"])
def test_parameters_are_taken_from_the_path(prefix: str) -> None:
    spec, values = TABLE.match("GET", f"{prefix}/projects/p1/renders/j1")

    assert spec.path == "/projects/{project_id}/renders/{job_id}"
    assert values == {"project_id": "p1", "job_id": "j1"}


def test_a_literal_wins_over_a_parameter() -> None:
    assert TABLE.match("GET", "/projects/p/renders/latest")[1] == {"project_id": "p"}


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/project",
        "/projects/",
        "//projects",
        "/projects//renders/j",
        "/projects/p/",
        "/api/v1",
        "/api/v2/projects",
    ],
)
def test_other_paths_are_not_found(path: str) -> None:
    with pytest.raises(NotFound):
        TABLE.match("GET", path)


def test_the_prefix_is_taken_off_once() -> None:
    with pytest.raises(NotFound):
        TABLE.match("GET", "/api/v1/api/v1/projects")


def test_a_wrong_method_names_all_that_are_possible() -> None:
    with pytest.raises(MethodNotAllowed) as refused:
        TABLE.match("PATCH", "/projects/p")

    assert sorted(refused.value.allowed) == ["DELETE", "GET"]


def test_names_of_parameters_in_order() -> None:
    assert parameter_names("/a/{first}/b/{second_one}") == ("first", "second_one")
