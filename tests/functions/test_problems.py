"""Errors as problem documents."""

import json
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ValidationError

from functions.errors import ControlPlaneError, InvalidRequest, MethodNotAllowed, Unauthenticated, Unavailable
from functions.problems import MAX_FIELD_ERRORS, body_errors, problem_response
from schemas.errors import HTTP_STATUS, ErrorCode, FieldError


def every_error() -> list[type[ControlPlaneError]]:
    return [ControlPlaneError, *ControlPlaneError.__subclasses__()]


@pytest.mark.parametrize("kind", [kind for kind in every_error() if kind is not MethodNotAllowed])
def test_every_error_has_its_status_and_a_text_for_people(kind: type[ControlPlaneError]) -> None:
    response = problem_response(kind(), "r1")

    problem = json.loads(bytes(response.body))
    assert response.status_code == problem["status"] == HTTP_STATUS[kind.code]
    assert (problem["ok"], problem["code"], problem["request_id"]) == (False, kind.code, "r1")
    assert problem["detail"].endswith(".")
    assert response.headers["content-type"] == "application/problem+json"


def test_every_code_has_exactly_one_error() -> None:
    assert sorted(kind.code for kind in every_error()) == sorted(ErrorCode)


def test_headers_that_a_status_needs() -> None:
    assert problem_response(Unauthenticated(), "r").headers["www-authenticate"] == "Bearer"
    assert problem_response(Unavailable(retry_after_seconds=5), "r").headers["retry-after"] == "5"
    assert problem_response(MethodNotAllowed("PUT", ["GET", "POST"]), "r").headers["allow"] == "GET, POST"


def test_a_long_list_of_errors_is_cut() -> None:
    errors = [FieldError(pointer=f"/{n}", message="wrong") for n in range(MAX_FIELD_ERRORS + 1)]

    assert (
        len(json.loads(bytes(problem_response(InvalidRequest(errors=errors), "r").body))["errors"]) == MAX_FIELD_ERRORS
    )


class Left(BaseModel):
    kind: Literal["left"]
    size: int


class Right(BaseModel):
    kind: Literal["right"]


class Box(BaseModel):
    items: list[Left | Right | str]
    by_name: dict[str, int] = {}


@pytest.mark.parametrize(
    ("document", "pointers"),
    [
        ({}, {"/items"}),
        ([], {""}),
        ({"items": ["x", {"kind": "left", "size": "big"}]}, {"/items/1/size", "/items/1/kind", "/items/1"}),
        ({"items": [], "by_name": {"a/b": "x", "~": "y"}}, {"/by_name/a~1b", "/by_name/~0"}),
    ],
)
def test_pointers_lead_into_the_document(document: Any, pointers: set[str]) -> None:
    with pytest.raises(ValidationError) as refused:
        Box.model_validate(document)

    assert {error.pointer for error in body_errors(refused.value, document)} == pointers
