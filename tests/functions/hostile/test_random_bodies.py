"""Whatever JSON arrives, no endpoint answers 500: bodies are drawn from each endpoint's own JSON Schema and bent."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.endpoint import Endpoint
from functions.tables import json_schemas
from tests.builders import Desk
from tests.functions.every_route import ALL, Belongings, call
from tests.support.control_plane import LocalControlPlane

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
DEFINITIONS = json_schemas(ALL)["$defs"]


WORDS = st.sampled_from(["a", "..", "__x__", "gs://deskrun/a", "video/mp4", "AAAAAA==", "a.mp4"])
NUMBERS = st.integers(-1, 101) | st.floats() | st.just(10**30)


def _values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values near the schema: right ones, and wrong ones of every kind."""
    if "$ref" in schema:
        near = _values(DEFINITIONS[schema["$ref"].rpartition("/")[2]])
    elif "enum" in schema:
        near = st.sampled_from(schema["enum"])
    elif "anyOf" in schema:
        near = st.one_of(*map(_values, schema["anyOf"]))
    elif "properties" in schema:
        near = st.fixed_dictionaries({}, optional={name: _values(of) for name, of in schema["properties"].items()})
    elif schema.get("type") == "array":
        near = st.lists(_values(schema.get("items", {})), max_size=3)
    else:
        near = NUMBERS if schema.get("type") in {"integer", "number"} else WORDS | st.text(max_size=20)
    return near | JSON


@pytest.fixture(scope="module")
def belongings(control_plane: LocalControlPlane) -> Belongings:
    return Belongings(Desk(control_plane))


@pytest.mark.parametrize("spec", [s for s in ALL if "body" in s.parameters], ids=lambda spec: spec.name)
def test_no_body_is_a_defect(spec: Endpoint, belongings: Belongings) -> None:
    schema = DEFINITIONS[spec.parameters["body"].__name__]

    @settings(max_examples=30, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(body=_values(schema))
    def answers(body: Any) -> None:
        if isinstance(body, dict):
            body.pop("wait_seconds", None)
        answer = call(belongings.owner.http, spec, belongings.ids, json=None, content=json.dumps(body))
        assert answer.status_code < 500, answer.text

    answers()
