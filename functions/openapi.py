"""The OpenAPI 3.1 document, derived from the endpoints. Printed by ``python -m functions openapi``."""

import inspect
from collections.abc import Sequence
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from functions.auth import JobCaller
from functions.endpoint import Endpoint
from schemas.errors import HTTP_STATUS, Problem

_REF = "#/components/schemas/{model}"
_ALWAYS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY)


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The whole document."""
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [(Problem, "serialization")]
    for spec in endpoints:
        models.append((spec.answer, "serialization"))
        models += [(spec.parameters[name], "validation") for name in ("body", "query") if name in spec.parameters]
    references, definitions = models_json_schema(models, ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for spec in endpoints:
        paths.setdefault(spec.path, {})[spec.method.lower()] = _operation(spec, references, definitions["$defs"])
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "deskrun control plane",
            "version": version("deskrun"),
            "description": "Every path also answers under /api/v1. Errors are application/problem+json (RFC 9457).",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "http://127.0.0.1:8787"}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "lease": {"type": "apiKey", "in": "header", "name": "X-Lease-Token"},
            },
        },
    }


def _operation(spec: Endpoint, references: dict[Any, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": spec.name,
        "tags": [spec.handler.__module__.split(".")[2]],
        "summary": spec.summary,
        "description": inspect.cleandoc(inspect.getmodule(spec.handler).__doc__ or ""),
        "parameters": _parameters(spec, definitions),
        "responses": _responses(spec, references),
    }
    if "body" in spec.parameters:
        schema = references[spec.parameters["body"], "validation"]
        operation["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    if "file" in spec.parameters:
        form = {"type": "object", "required": ["file"], "properties": {"file": {"type": "string", "format": "binary"}}}
        operation["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": form}}}
    if spec.parameters["caller"] is JobCaller:
        operation["security"] = [{"bearer": []}, {"lease": []}, {"bearer": [], "lease": []}]
    return operation


def _parameters(spec: Endpoint, definitions: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": adapter.json_schema()}
        for name, adapter in spec.path_types.items()
    ]
    if "query" in spec.parameters:
        schema = definitions[spec.parameters["query"].__name__]
        found += [
            {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": value}
            for name, value in schema["properties"].items()
        ]
    if "request_key" in spec.parameters:
        key = {"type": "string", "minLength": 1, "maxLength": 128}
        found.append({"name": "Idempotency-Key", "in": "header", "required": False, "schema": key})
    return found


def _responses(spec: Endpoint, references: dict[Any, Any]) -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": references[Problem, "serialization"]}}
    statuses = sorted({*_ALWAYS, *(HTTPStatus(status) for status in HTTP_STATUS.values() if status >= 500)})
    if spec.method != "GET":
        statuses = sorted({*statuses, HTTPStatus.REQUEST_ENTITY_TOO_LARGE})
    answer = {"application/json": {"schema": references[spec.answer, "serialization"]}}
    return {
        str(int(spec.status)): {"description": HTTPStatus(spec.status).phrase, "content": answer},
        **{str(int(status)): {"description": status.phrase, "content": problem} for status in statuses},
        "default": {"description": "Any other error", "content": problem},
    }
