"""A large asset through the resumable path, with the peak memory of both ends: ``python -m tests.bench.big_upload``.

``tests/system`` runs it with a smaller file and holds both ends to the limit. Needs Linux, which keeps each process's
peak in ``/proc``, and twice the file's size on the disk of ``--folder``.
"""

import argparse
import os
import re
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import TOKEN, ControlPlaneProcess, Process
from tests.support.studio import Studio

MIB = 1024 * 1024
LIMIT_BYTES = 150 * MIB
"""What control plane and uploader may each take, whatever the file's size."""
LOOK_SECONDS = 0.02


@dataclass(frozen=True)
class Measured:
    """How long it took, and the most memory each end held at once (VmHWM)."""

    size_bytes: int
    seconds: float
    uploader_peak_bytes: int
    control_plane_peak_bytes: int


def measure(folder: Path, size_bytes: int) -> Measured:
    """Upload a file of so many bytes with ``deskrun assets push`` to a control plane on the local backend."""
    path = folder / "large.bin"
    _write(path, size_bytes)
    with ControlPlaneProcess(folder / "control-plane") as plane:
        project = Studio(plane.url).project_id
        arguments = ["-m", "worker.cli", "assets", "push", str(path), "--project", project, "--json"]
        environment = {"DESKRUN_CONTROL_PLANE_URL": plane.url, "DESKRUN_TOKEN": TOKEN, "HOME": str(folder)}
        started = time.monotonic()
        with Process(arguments, folder / "uploader.log", environment) as uploader:
            uploader_peak = 0
            while uploader.child.poll() is None:
                uploader_peak = _peak_bytes(uploader.child.pid) or uploader_peak
                time.sleep(LOOK_SECONDS)
            assert uploader.child.returncode == 0, uploader.log.read_text()
        seconds = time.monotonic() - started
        return Measured(size_bytes, seconds, uploader_peak, _peak_bytes(plane.child.pid))


def _write(path: Path, size_bytes: int) -> None:
    """Bytes that no layer can shorten."""
    block = os.urandom(16 * MIB)
    with path.open("wb") as file:
        for start in range(0, size_bytes, len(block)):
            file.write(start.to_bytes(8) + block[8 : size_bytes - start])


def _peak_bytes(pid: int) -> int:
    """Zero for a process that has just ended."""
    found = re.search(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found.group(1)) * 1024 if found else 0


def main() -> int:
    """Print one line; 1 when an end took more than it may."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.big_upload", description=__doc__)
    parser.add_argument("--size-mib", type=int, default=5 * 1024)
    parser.add_argument("--folder", type=Path, help="where the file and its copy go (default: the temporary folder)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="deskrun-bench-", dir=arguments.folder) as folder:
        found = measure(Path(folder), arguments.size_mib * MIB)
    sys.stdout.write(
        f"{found.size_bytes / MIB:.0f} MiB in {found.seconds:.1f} s ({found.size_bytes / MIB / found.seconds:.0f}/s); "
        f"peak memory: uploader {found.uploader_peak_bytes / MIB:.0f} MiB, "
        f"control plane {found.control_plane_peak_bytes / MIB:.0f} MiB (limit {LIMIT_BYTES / MIB:.0f})\n"
    )
    return int(max(found.uploader_peak_bytes, found.control_plane_peak_bytes) > LIMIT_BYTES)


if __name__ == "__main__":
    sys.exit(main())
