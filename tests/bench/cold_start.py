"""From starting the process to the first answer, for each function, beside a function that only imports.

Both run under Google's framework in an environment with the functions' requirements only. The peer imports the same
modules of client libraries (those that the function was seen to import until it had answered) and answers at once; it
makes no client and no call, while the function authorises its caller, asks the emulators, and answers what it answers.
"""

import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from functions import catalog
from functions.endpoint import Endpoint
from functions.trigger import EventFunction
from infra import bundle
from schemas.events import Topic
from tests.bench.table import Row, ratio_of
from tests.functions.every_route import SOME_ID, call
from tests.project.deployed import Deployment, clean_environment
from tests.support import emulators
from tests.support.places import on_emulators
from tests.support.processes import TOKEN

AIM = 1.15
CLIENT_LIBRARIES = ("google", "grpc", "requests")
"""Google's clients and what they speak through; the peer imports every module of them that the function did."""
PEER = """import contextlib
import importlib

import functions_framework.aio

for name in {names}:
    with contextlib.suppress(ImportError):  # what the function tried in vain, too
        importlib.import_module(name)


@functions_framework.aio.{kind}
async def peer(given):
    return {answer}
"""

EVENT: dict[str, Any] = {
    "project_id": SOME_ID,
    "job_id": SOME_ID,
    "bucket": "deskrun",
    "name": f"{SOME_ID}/assets/{SOME_ID}/a.mp4",
    "size": 1,
    "crc32c": "AAAAAA==",
    "contentType": "video/mp4",
}
"""Fits the message of every event function; it is about things that do not exist."""

Ask = Callable[[httpx.Client], httpx.Response]


def run(folder: Path, *, pairs: int) -> list[Row]:
    """One row for each function, slowest ratio first. Takes about ten seconds for each at three pairs."""
    with _settings(folder) as settings:
        python = clean_environment()
        staged = bundle.stage(folder / "bundle")
        every: list[Endpoint | EventFunction] = [*catalog.endpoints(), *catalog.event_functions()]
        rows = [
            _compare(folder, Deployment(staged, python, settings), spec, settings, python=python, pairs=pairs)
            for spec in every
        ]
    return sorted(rows, key=lambda row: -row.ratio)


@contextmanager
def _settings(folder: Path) -> Iterator[Mapping[str, str]]:
    """Of functions on emulators where topics and bucket exist."""
    with (
        emulators.running(emulators.FIRESTORE) as firestore,
        emulators.running(emulators.PUBSUB) as pubsub,
        on_emulators(folder, firestore=firestore, pubsub=pubsub) as place,
    ):
        with place.control_plane(folder / "once"):
            pass  # it makes both when it starts
        yield {**place.settings, "DEV_API_TOKEN": TOKEN}


def _compare(
    folder: Path,
    deployment: Deployment,
    spec: Endpoint | EventFunction,
    settings: Mapping[str, str],
    *,
    python: Path,
    pairs: int,
) -> Row:
    ask = _request_of(spec)
    peer = Deployment(_peer(folder, spec, settings, ask=ask, python=python), python, settings)
    found = [(_cold(deployment, spec.name, ask), _cold(peer, "peer", ask)) for _ in range(pairs)]
    ours, peers = [mine for mine, _ in found], [its for _, its in found]
    ratio = ratio_of(ours, peers)
    return Row(
        f"cold start of {spec.name}",
        f"{median(ours) * 1000:.0f} ms",
        f"{median(peers) * 1000:.0f} ms",
        ratio,
        aim=f"<= {AIM}",
        met=ratio <= AIM,
    )


def _cold(deployment: Deployment, function: str, ask: Ask) -> float:
    """Seconds from starting the process to the first answer."""
    started = time.perf_counter()
    with deployment.running(function) as http:
        answer = ask(http)
        took = time.perf_counter() - started
    assert answer.status_code < 500, answer.text
    return took


def _peer(folder: Path, spec: Endpoint | EventFunction, settings: Mapping[str, str], *, ask: Ask, python: Path) -> Path:
    """The peer's own bundle."""
    watched = Deployment(folder / "bundle", python, {**settings, "PYTHONPROFILEIMPORTTIME": "1"})
    _cold(watched, spec.name, ask)
    log = (folder / f"{spec.name}.log").read_text(errors="replace")
    seen = {line.rpartition("|")[2].strip() for line in log.splitlines() if line.startswith("import time:")}
    names = sorted(name for name in seen if name.partition(".")[0] in CLIENT_LIBRARIES)
    kind, answer = ("http", '{"ok": True}') if isinstance(spec, Endpoint) else ("cloud_event", "None")
    peer = folder / f"peer-{spec.name}" / "bundle"
    peer.mkdir(parents=True, exist_ok=True)
    (peer / "main.py").write_text(PEER.format(names=names, kind=kind, answer=answer))
    return peer


def _request_of(spec: Endpoint | EventFunction) -> Ask:
    if isinstance(spec, Endpoint):
        endpoint = spec
        return lambda http: call(http, endpoint, {}, headers={"Authorization": f"Bearer {TOKEN}"})
    body = _delivered(spec)
    cloud_event = {"ce-id": "1", "ce-source": "//bench", "ce-specversion": "1.0", "ce-type": "bench.event"}
    return lambda http: http.post("/", json=body, headers=cloud_event)


def _delivered(spec: EventFunction) -> dict[str, Any]:
    """What Eventarc delivers: an object's event as it is, a message in the envelope of Pub/Sub."""
    if spec.topic is Topic.OBJECT_FINALIZED:
        return EVENT
    data = base64.b64encode(json.dumps(EVENT).encode()).decode()
    return {"message": {"data": data, "messageId": "1"}, "subscription": "any"}
