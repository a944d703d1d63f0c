"""Requests a second of reading a render and of reporting on it, beside bare Starlette routes, in turn.

One client process (``load.py``) for both, with the same number of connections. The control plane is the real one: it
verifies the token, reads SQLite, commits every report to disk, and logs every request.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx

from schemas.workers import PROTOCOL_VERSION
from tests.bench.table import Row, ratio_of
from tests.support.processes import ROOT, TOKEN, ControlPlaneProcess, Process, free_port
from tests.support.studio import Studio

CONNECTIONS = 8
SECONDS = 2.0
READ_AIM = 0.40
BUSY_LIMIT = 0.90
"""A client above this would have been the limit itself; the row says so."""


@dataclass(frozen=True)
class _Target:
    port: int
    request: bytes


def run(folder: Path, clip: Path, *, pairs: int) -> list[Row]:
    """Medians over the pairs; the aim is for the read."""
    settings = {"DESKRUN_LEASE_SECONDS": "3600"}
    with ControlPlaneProcess(folder / "throughput", settings=settings) as plane:
        job, token, content = _job(plane.url, clip)
        answer = folder / "answer.json"
        answer.write_bytes(content)
        port = free_port()
        with Process(["-m", "tests.bench.bare_starlette", str(port), str(answer)], folder / "bare.log", {}) as bare:
            bare.read_ready_line()
            our_port = int(plane.url.rpartition(":")[2])
            report = {"job_id": job.rpartition("/")[2], "status": "processing", "progress": 50, "attempt": 1}
            read, write = _request("GET", job), _request("POST", f"{job}/webhook", token, json.dumps(report).encode())
            threaded = _request("GET", f"/threaded{job}")
            return [
                _compare("read a render", _Target(our_port, read), _Target(port, read), aim=READ_AIM, pairs=pairs),
                _compare("the same, peer in a thread", _Target(our_port, read), _Target(port, threaded), pairs=pairs),
                _compare("report on a render", _Target(our_port, write), _Target(port, write), pairs=pairs),
            ]


def _job(url: str, clip: Path) -> tuple[str, str, bytes]:
    """A claimed render: its path, its lease token, and what reading it answers."""
    studio = Studio(url)
    studio.save_timeline(studio.add_asset(clip, "video/mp4"))
    job = f"/projects/{studio.project_id}/renders/{studio.ask_for_render()}"
    worker = {"name": "bench", "kinds": ["render"], "software_version": "0", "protocol_version": PROTOCOL_VERSION}
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False) as http:
        worker_id = http.post("/workers", json=worker).json()["worker"]["worker_id"]
        claim = http.post(f"{job}/claim", json={"worker_id": worker_id}).raise_for_status().json()
        return job, claim["lease"]["token"], http.get(job).content


def _request(method: str, path: str, lease_token: str = "", body: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {TOKEN}"]
    if lease_token:
        lines.append(f"X-Lease-Token: {lease_token}")
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _compare(what: str, ours: _Target, bare: _Target, *, pairs: int, aim: float | None = None) -> Row:
    for target in (ours, bare):
        _load(target)  # warm-up
    found = [(_load(ours), _load(bare)) for _ in range(pairs)]
    mine, its = [one for one, _ in found], [other for _, other in found]
    ratio = ratio_of([each["rate"] for each in mine], [each["rate"] for each in its])
    busiest = median(each["busy"] for each in its)
    note = f" (client {busiest:.0%} busy)" if busiest > BUSY_LIMIT else ""
    return Row(
        f"{what}, {CONNECTIONS} connections",
        f"{median(each['rate'] for each in mine):.0f}/s",
        f"{median(each['rate'] for each in its):.0f}/s{note}",
        ratio,
        aim=f">= {aim:.2f}" if aim else "",
        met=ratio >= aim if aim else None,
    )


def _load(target: _Target) -> dict[str, float]:
    command = ["-m", "tests.bench.load", str(target.port)]
    command += ["--connections", str(CONNECTIONS), "--seconds", str(SECONDS)]
    done = subprocess.run([sys.executable, *command], cwd=ROOT, input=target.request, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, float] = json.loads(done.stdout)
    return {**found, "rate": found["answers"] / found["seconds"]}
