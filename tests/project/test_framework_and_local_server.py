"""The same requests get the same answers from Google's framework and from the local server, errors included."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.builders import CLIP_BYTES, timeline
from tests.project.deployed import Deployment
from tests.support.processes import TOKEN, ControlPlaneProcess

# The first of them installs the functions' requirements.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

KEPT_HEADERS = ("allow", "content-type", "retry-after", "www-authenticate")
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}
Options = dict[str, Any]

ANYWHERE: list[tuple[str, str, Options]] = [
    ("{method}", "{path}", {}),
    ("{method}", "/api/v1{path}", {"headers": AUTHORIZED}),
    ("{method}", "{path}", {"headers": {"Authorization": "Bearer wrong"}}),
    ("{method}", "{path}", {"headers": {"Authorization": "Basic wrong"}}),
    ("{method}", "{path}", {"headers": {"X-Forwarded-Authorization": f"Bearer {TOKEN}"}}),
    ("{method}", "{path}/beyond/all/paths", {"headers": AUTHORIZED}),
    ("{method}", "{path}/", {"headers": AUTHORIZED}),
    ("{method}", "/%2e%2e{path}", {"headers": AUTHORIZED}),
    ("{method}", "//{path}", {"headers": AUTHORIZED}),
    ("PATCH", "{path}", {"headers": AUTHORIZED}),
    ("HEAD", "{path}", {"headers": AUTHORIZED}),
    ("OPTIONS", "{path}", {}),
    ("{method}", "{path}", {"headers": {**AUTHORIZED, "X-Request-Id": "not safe"}}),
    ("{method}", "{path}", {"headers": AUTHORIZED, "content": b"\xff\xfe"}),
    ("{method}", "{path}", {"headers": AUTHORIZED, "content": b"[" * 100_000}),
    ("{method}", "{path}", {"headers": AUTHORIZED, "content": b"x" * (2 * 1024 * 1024)}),
    ("{method}", "{path}?limit=1&limit=2", {"headers": AUTHORIZED}),
    ("{method}", "{path}?limit=many", {"headers": AUTHORIZED}),
]

OF_ONE_FUNCTION: dict[str, tuple[str, str, list[Options]]] = {
    "create_project": (
        "POST",
        "/projects",
        [
            {"json": {"name": "film"}, "headers": {**AUTHORIZED, "Idempotency-Key": "the same for both"}},
            {"json": {"name": "other"}, "headers": {**AUTHORIZED, "Idempotency-Key": "the same for both"}},
            {"json": {"name": "", "unknown": 1}, "headers": AUTHORIZED},
            {"json": {"name": "film"}, "headers": {**AUTHORIZED, "Idempotency-Key": "x" * 129}},
        ],
    ),
    "upload_asset": (
        "POST",
        "/projects/{project_id}/assets",
        [
            {"files": {"file": ("a.mp4", CLIP_BYTES, "video/mp4")}, "headers": {**AUTHORIZED, "Idempotency-Key": "1"}},
            {"files": {"other": ("a.mp4", CLIP_BYTES, "video/mp4")}, "headers": AUTHORIZED},
            {"json": {}, "headers": AUTHORIZED},
        ],
    ),
    "list_renders": (
        "GET",
        "/projects/{project_id}/renders",
        [{"params": {"status": "queued"}, "headers": AUTHORIZED}],
    ),
    "get_render": ("GET", "/projects/{project_id}/renders/{job_id}", [{"headers": AUTHORIZED}]),
    "report_render": (
        "POST",
        "/projects/{project_id}/renders/{job_id}/webhook",
        [
            {"json": {"status": "pending"}, "headers": AUTHORIZED},
            {"json": {"status": "processing"}, "headers": {"X-Lease-Token": "not this one"}},
        ],
    ),
    "list_presets": ("GET", "/render/presets", [{"headers": AUTHORIZED}]),
}


@pytest.fixture(scope="module")
def local_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlaneProcess]:
    folder = tmp_path_factory.mktemp("both") / "data"
    with ControlPlaneProcess(folder) as server:
        yield server


@pytest.fixture(scope="module")
def ids(local_server: ControlPlaneProcess) -> dict[str, str]:
    """A project and a queued render of it."""
    with httpx.Client(base_url=local_server.url, headers=AUTHORIZED, trust_env=False) as http:
        project_id = http.post("/projects", json={"name": "film"}).json()["project_id"]
        http.put(f"/projects/{project_id}/timeline", json=timeline()).raise_for_status()
        job = http.post(f"/projects/{project_id}/render", json={}).json()["job"]
    return {"project_id": project_id, "job_id": job["job_id"]}


@pytest.mark.parametrize("function", OF_ONE_FUNCTION)
def test_both_answer_alike(
    *,
    function: str,
    local_server: ControlPlaneProcess,
    ids: dict[str, str],
    staged_bundle: Path,
    function_environment: Path,
) -> None:
    method, template, own = OF_ONE_FUNCTION[function]
    path = template.format(**ids)
    anywhere = [(m.format(method=method), p.format(path=path), options) for m, p, options in ANYWHERE]
    table = [*anywhere, *((method, path, options) for options in own)]
    # The same data under both, so that even ids and times agree.
    settings = {
        "DESKRUN_DATA_DIR": str(local_server.folder),
        "DESKRUN_PUBLIC_URL": local_server.url,
        "DEV_API_TOKEN": TOKEN,
    }
    deployment = Deployment(staged_bundle, function_environment, settings)
    with deployment.running(function) as framework, httpx.Client(base_url=local_server.url) as local:
        for request in table:
            assert _comparable(framework, *request) == _comparable(local, *request), request


def _comparable(http: httpx.Client, method: str, path: str, options: Options) -> tuple[int, dict[str, str], Any]:
    headers = {"X-Request-Id": "the-same-for-both", **options.get("headers", {})}
    answer = http.request(method, path, **{**options, "headers": headers})
    kept = {name: answer.headers[name] for name in KEPT_HEADERS if name in answer.headers}
    body = answer.json() if kept.get("content-type", "").endswith("json") and answer.content else answer.content
    if isinstance(body, dict):
        body.pop("request_id", None)
    if answer.status_code == httpx.codes.METHOD_NOT_ALLOWED:
        # A function knows one method of its path, the local server all of them.
        assert kept.pop("allow")
        body = body["code"] if isinstance(body, dict) else body
    return answer.status_code, kept, body
