"""Every route, asked by somebody it is not for. Generated from the catalogue: a new endpoint is covered by itself."""

import http.client
from urllib.parse import urlsplit

import pytest

from functions.endpoint import Endpoint
from functions.routing import parameter_names
from tests.builders import Desk
from tests.functions.every_route import ALL, SOME_ID, Belongings, call, every_route, every_route_with_ids
from tests.support.control_plane import LocalControlPlane, make_token


@pytest.fixture(scope="module")
def belongings(control_plane: LocalControlPlane) -> Belongings:
    return Belongings(Desk(control_plane))


@every_route
def test_a_call_without_a_token_is_401(
    spec: Endpoint, belongings: Belongings, control_plane: LocalControlPlane
) -> None:
    answer = call(control_plane.client(), spec, belongings.ids)

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


@every_route
def test_a_wrong_token_is_401_under_the_prefix_too(spec: Endpoint, control_plane: LocalControlPlane) -> None:
    with control_plane.client(headers={"Authorization": "Bearer wrong"}) as http:
        http.base_url = f"{control_plane.url}/api/v1"
        answer = call(http, spec, {})

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


@every_route_with_ids
def test_foreign_ids_are_404(spec: Endpoint, belongings: Belongings, stranger: Desk) -> None:
    before = belongings.owner.job(belongings.ids["project_id"], belongings.ids["job_id"])

    answer = call(stranger.http, spec, {**belongings.ids, "own_worker_id": stranger.worker()})

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert belongings.owner.job(belongings.ids["project_id"], belongings.ids["job_id"]) == before


@every_route_with_ids
def test_unknown_ids_are_404(spec: Endpoint, stranger: Desk) -> None:
    answer = call(stranger.http, spec, {})

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "spec",
    [spec for spec in ALL if spec.path.startswith("/projects/{project_id}/") and len(parameter_names(spec.path)) > 1],
    ids=lambda spec: spec.name,
)
def test_foreign_things_under_ones_own_project_are_404(spec: Endpoint, belongings: Belongings, stranger: Desk) -> None:
    own = {"project_id": stranger.project(), "own_worker_id": stranger.worker()}

    answer = call(stranger.http, spec, {**belongings.ids, **own})

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("spec", [spec for spec in ALL if "{job_id}" in spec.path], ids=lambda spec: spec.name)
def test_an_invented_lease_token_alone_learns_nothing(
    spec: Endpoint, belongings: Belongings, control_plane: LocalControlPlane
) -> None:
    with control_plane.client(headers={"X-Lease-Token": "lease_invented"}) as http:
        existing, unknown = call(http, spec, belongings.ids), call(http, spec, {})

    assert existing.status_code == unknown.status_code
    assert existing.status_code in {401, 404}
    assert existing.json()["code"] == unknown.json()["code"]


BAD_IDS = {
    "dots": "%2e%2e",
    "a path": "..%2fx",
    "65 characters": "a" * 65,
    "unicode": "%C3%A9",
    "an emoji": "%F0%9F%98%80",
    "not utf-8": "%ff",
    "a zero byte": "a%00b",
    "a line break": f"{SOME_ID}%0a",
    "a question mark": f"{SOME_ID}%3f",
    "reserved by Firestore": "__all__",
    "a space": "%20",
}


@every_route_with_ids
def test_ids_that_cannot_exist_are_404(spec: Endpoint, stranger: Desk) -> None:
    answers = {
        why: call(stranger.http, spec, dict.fromkeys(parameter_names(spec.path), bad)) for why, bad in BAD_IDS.items()
    }

    assert {why: answer.status_code for why, answer in answers.items()} == dict.fromkeys(BAD_IDS, 404)


@pytest.mark.parametrize("path", ["/projects/../x", "/projects/../../etc/passwd", "//projects", "/projects//renders"])
def test_paths_are_never_resolved(path: str, control_plane: LocalControlPlane, stranger: Desk) -> None:
    where = urlsplit(control_plane.url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=30)
    connection.request("GET", path, headers={"Authorization": f"Bearer {make_token(stranger.user_id)}"})
    answer = connection.getresponse()
    connection.close()

    assert answer.status == 404


@pytest.mark.parametrize("name", ["list_projects", "list_workers"])
def test_lists_show_nothing_foreign(name: str, belongings: Belongings, stranger: Desk) -> None:
    spec = next(spec for spec in ALL if spec.name == name)

    (listed,) = (value for value in call(stranger.http, spec, {}).json().values() if isinstance(value, list))
    (owned,) = (value for value in call(belongings.owner.http, spec, {}).json().values() if isinstance(value, list))

    assert listed == []
    assert owned != []


def test_every_endpoint_without_ids_is_known_to_be_harmless() -> None:
    """A new one must be looked at: does it show or take anything of other people?"""
    assert {spec.name for spec in ALL if not parameter_names(spec.path)} == {
        "create_project",
        "list_presets",
        "list_projects",
        "list_workers",
        "register_worker",
    }
