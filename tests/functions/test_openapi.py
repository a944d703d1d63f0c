"""The documents derived from the endpoints: OpenAPI, JSON Schemas, route table, deployment manifest."""

import json
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from openapi_spec_validator import validate

from functions import catalog, openapi, tables
from functions.__main__ import main
from functions.endpoint import Endpoint
from functions.routing import parameter_names
from tests.builders import Desk
from tests.functions.every_route import ALL, Belongings, call, every_route
from tests.support.control_plane import LocalControlPlane

DOCUMENT = openapi.document(ALL)


@pytest.fixture(scope="module")
def belongings(control_plane: LocalControlPlane) -> Belongings:
    return Belongings(Desk(control_plane))


def test_the_document_is_openapi_3_1() -> None:
    validate(DOCUMENT)
    assert DOCUMENT["openapi"].startswith("3.1")


def test_every_endpoint_is_in_it_once() -> None:
    operations = [op["operationId"] for methods in DOCUMENT["paths"].values() for op in methods.values()]

    assert sorted(operations) == sorted(spec.name for spec in ALL)


@every_route
def test_an_operation_tells_parameters_body_and_errors(spec: Endpoint) -> None:
    operation = DOCUMENT["paths"][spec.path][spec.method.lower()]

    in_path = [parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "path"]
    assert in_path == list(parameter_names(spec.path))
    assert ("requestBody" in operation) == ("body" in spec.parameters or "file" in spec.parameters)
    assert {str(spec.status), "401", "404", "422", "500", "503"} <= set(operation["responses"])
    assert operation["summary"]


@every_route
def test_real_answers_fit_the_document(spec: Endpoint, belongings: Belongings) -> None:
    ids = dict(belongings.ids)
    if spec.method == "DELETE" or spec.name in {"cancel_render", "claim_render", "report_render"}:
        ids = dict(Belongings(Desk(belongings.owner.control_plane, belongings.owner.user_id)).ids)
    ids["own_worker_id"] = ids["worker_id"]
    answer = call(belongings.owner.http, spec, ids)

    responses = DOCUMENT["paths"][spec.path][spec.method.lower()]["responses"]
    (content,) = responses[str(answer.status_code)]["content"].items()
    assert answer.headers["content-type"] == content[0]
    jsonschema.validate(answer.json(), {**content[1]["schema"], "components": DOCUMENT["components"]})
    expected = {"create_worker_credentials": 409, "download_render": 409, "register_output": 422}
    assert answer.status_code == expected.get(spec.name, spec.status), answer.text


def test_the_manifest_names_every_function_with_its_trigger() -> None:
    manifest = tables.manifest(ALL, catalog.event_functions())

    triggers = {function["name"]: function["trigger"] for function in manifest["functions"]}
    assert sorted(triggers) == sorted(catalog.names())
    assert triggers["expire_leases"] == {"schedule": "* * * * *"}
    assert triggers["on_render_dispatch"] == {"topic": "deskrun-render-dispatch"}
    assert triggers["create_render"] == {"http": {"method": "POST", "path": "/projects/{project_id}/render"}}
    assert all(f["memory_mb"] >= 256 and f["timeout_seconds"] <= 3600 for f in manifest["functions"])


@pytest.mark.parametrize("command", ["routes", "openapi", "manifest", "schemas"])
def test_the_commands_print_them(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command]) == 0

    printed = capsys.readouterr().out
    if command == "routes":
        assert all(f"`{spec.method} {spec.path}` | `{spec.name}`" in printed for spec in ALL)
    else:
        parsed: dict[str, Any] = json.loads(printed)
        assert parsed
    if command == "schemas":
        jsonschema.Draft202012Validator.check_schema(parsed)
        assert {"RenderManifest", "RenderRequest", "ClaimAnswer", "Doorbell"} <= set(parsed["$defs"])


def test_names_of_functions_are_their_files() -> None:
    assert all(catalog.entry_point(name).__name__ == name for name in catalog.names())
    with pytest.raises(LookupError, match="no function 'x'"):
        catalog.entry_point("x")
