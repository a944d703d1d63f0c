"""From ``POST /render`` to the worker's first ``processing`` report, beside the same calls made by one client.

The peer creates, claims and reports back to back at a second control plane of the same kind where no desk listens: what
the calls alone cost. What is above it is the doorbell and the desk. Jobs alternate between the two.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from schemas.jobs import FINAL_STATUSES
from schemas.workers import PROTOCOL_VERSION
from tests.bench.table import Row, percentile
from tests.support import emulators
from tests.support.places import LOCAL, Place, on_emulators
from tests.support.processes import TOKEN, ControlPlaneProcess, wait_for
from tests.support.studio import QUICK, Studio

WARM_UP_JOBS = 5
AIM_MS = 50
CLIP_SECONDS = 0.2
BETWEEN_SECONDS = 0.1
"""Looking for the end of a job any oftener would be part of what is measured."""


def run(folder: Path, clip: Path, *, jobs: int) -> list[Row]:
    """p50 and p95 on the local backend and on the emulators; the aim is for the local p50."""
    rows: list[Row] = []
    for name in ("local", "emulators"):
        with ExitStack() as stack:
            with_desk, alone = (stack.enter_context(_place(name, folder / side)) for side in ("desk", "alone"))
            ours, peers = _measure(folder, with_desk, alone, clip=clip, jobs=jobs)
        for percent in (50, 95):
            mine, its = percentile(ours, percent), percentile(peers, percent)
            judged = name == "local" and percent == 50
            row = Row(
                f"POST /render to first report, {name}, p{percent}",
                f"{mine:.1f} ms",
                f"{its:.1f} ms",
                mine / its,
                aim=f"<= {AIM_MS} ms" if judged else "",
                met=mine <= AIM_MS if judged else None,
            )
            rows.append(row)
    return rows


@contextmanager
def _place(name: str, folder: Path) -> Iterator[Place]:
    folder.mkdir(exist_ok=True)
    if name == LOCAL.name:
        yield LOCAL
        return
    with (
        emulators.running(emulators.FIRESTORE) as firestore,
        emulators.running(emulators.PUBSUB) as pubsub,
        on_emulators(folder, firestore=firestore, pubsub=pubsub) as place,
    ):
        yield place


@dataclass(frozen=True)
class _Client:
    """Somebody with a project and a timeline to render."""

    plane: ControlPlaneProcess
    http: httpx.Client
    project: str

    def create(self) -> str:
        """A render; its job id."""
        job = self.post(f"{self.project}/render", {"preset": QUICK})["job"]
        return str(job["job_id"])

    def post(self, path: str, body: dict[str, Any], lease_token: str | None = None) -> dict[str, Any]:
        answer = self.http.post(path, json=body, headers={"X-Lease-Token": lease_token} if lease_token else {})
        answer.raise_for_status()
        return dict(answer.json())

    def ended(self, job_id: str) -> bool:
        answer = self.http.get(f"{self.project}/renders/{job_id}")
        time.sleep(BETWEEN_SECONDS)
        return answer.json()["job"]["status"] in FINAL_STATUSES


@contextmanager
def _client(place: Place, folder: Path, clip: Path) -> Iterator[_Client]:
    with place.control_plane(folder / f"{place.name}-control-plane") as plane:
        studio = Studio(plane.url)
        studio.save_timeline(studio.add_asset(clip, "video/mp4"), seconds=CLIP_SECONDS)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with httpx.Client(base_url=plane.url, headers=headers, trust_env=False, timeout=60) as http:
            yield _Client(plane, http, f"/projects/{studio.project_id}")


def _measure(folder: Path, with_desk: Place, alone: Place, *, clip: Path, jobs: int) -> tuple[list[float], list[float]]:
    """Milliseconds of each job, with a desk and alone."""
    with (
        _client(with_desk, folder / "desk", clip) as person,
        _client(alone, folder / "alone", clip) as loner,
        with_desk.daemon(folder / "desk" / f"{with_desk.name}-desk", person.plane.url) as desk,
    ):
        desk.wait_for_event("worker_registered" if with_desk is LOCAL else "subscription_started")
        worker = {"name": "alone", "kinds": ["render"], "software_version": "0", "protocol_version": PROTOCOL_VERSION}
        worker_id = loner.post("/workers", worker)["worker"]["worker_id"]
        created: list[tuple[str, float]] = []
        peers = []
        for _ in range(WARM_UP_JOBS + jobs):
            started = time.time()
            job_id = person.create()
            wait_for("the end of a job", lambda job_id=job_id: person.ended(job_id))  # type: ignore[misc]
            created.append((job_id, started))
            peers.append(_by_hand(loner, worker_id))
        reported = _first_reports(person.plane)
    ours = [(reported[job_id] - started) * 1000 for job_id, started in created]
    return ours[WARM_UP_JOBS:], peers[WARM_UP_JOBS:]


def _by_hand(client: _Client, worker_id: str) -> float:
    started = time.perf_counter()
    job_id = client.create()
    job = f"{client.project}/renders/{job_id}"
    token = client.post(f"{job}/claim", {"worker_id": worker_id})["lease"]["token"]
    client.post(f"{job}/webhook", {"job_id": job_id, "status": "processing", "progress": 0}, token)
    took = time.perf_counter() - started
    client.post(f"{job}/webhook", {"job_id": job_id, "status": "failed", "progress": 0}, token)
    return took * 1000


def _first_reports(plane: ControlPlaneProcess) -> dict[str, float]:
    """When the first report about each job was answered, by the server's log (Unix time: the same machine's clock)."""
    found: dict[str, float] = {}
    for request in plane.requests():
        if request["function"] == "report_render" and request["status"] == 200:
            job_id = request["message"].split("/renders/")[1].partition("/")[0]
            found.setdefault(job_id, datetime.fromisoformat(request["time"]).timestamp())
    return found
