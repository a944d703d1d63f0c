"""The peer of the throughput bench: Starlette routes under uvicorn that do nothing but HTTP and JSON.

``python -m tests.bench.bare_starlette PORT FILE`` answers reads with the JSON document in FILE, which is in memory, and
parses reports. Below ``/threaded`` the same in a thread, as Starlette runs routes that are not ``async``. Prints a line
when it answers.
"""

import json
import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


class _AnnouncingServer(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        sys.stdout.write("{}\n")
        sys.stdout.flush()


def main(port: int, document: Any) -> None:
    """Serve until killed."""

    async def read(_: Request) -> Response:
        return JSONResponse(document)

    def read_in_a_thread(_: Request) -> Response:
        return JSONResponse(document)

    async def report(request: Request) -> Response:
        body = await request.json()
        answer = {"ok": True, "status": body["status"], "cancel_requested": False, "lease_expires_at": None}
        return JSONResponse(answer)

    job = "/projects/{project_id}/renders/{job_id}"
    routes = [
        Route(job, read),
        Route(f"/threaded{job}", read_in_a_thread),
        Route(f"{job}/webhook", report, methods=["POST"]),
    ]
    config = uvicorn.Config(
        Starlette(routes=routes), port=port, log_config=None, access_log=False, server_header=False, lifespan="off"
    )
    _AnnouncingServer(config).run()


if __name__ == "__main__":
    main(int(sys.argv[1]), json.loads(Path(sys.argv[2]).read_bytes()))
