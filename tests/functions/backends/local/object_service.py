"""The folder object store behind uvicorn, as a process of its own that tests can kill, restart and starve.

``python object_service.py DATA_DIR PORT [FILE_LIMIT_BYTES]`` prints a line when it is ready.
"""

import resource
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from functions.backends.local.database import Database
from functions.backends.local.object_server import routes
from functions.backends.local.objects import FolderObjectStore


def open_store(data_dir: Path, port: int) -> FolderObjectStore:
    """The same store in every process that names the same folder and port."""
    return FolderObjectStore(
        Database(data_dir / "db"),
        data_dir,
        bucket="deskrun",
        public_url=f"http://127.0.0.1:{port}",
        clock=lambda: datetime.now(UTC),
    )


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        sys.stdout.write("ready\n")
        sys.stdout.flush()


def main() -> None:
    data_dir, port = Path(sys.argv[1]), int(sys.argv[2])
    store = open_store(data_dir, port)
    if len(sys.argv) > 3:
        limit = int(sys.argv[3])
        # To this process the disk is full at that size: a write fails with EFBIG.
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    app = Starlette(routes=routes(store))
    _Server(uvicorn.Config(app, host="127.0.0.1", port=port, lifespan="off", ws="none", log_level="error")).run()


if __name__ == "__main__":
    main()
