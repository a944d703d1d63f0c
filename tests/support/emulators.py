"""Google's Firestore and Pub/Sub emulators as child processes, for fixtures and for people.

``python -m tests.support.emulators`` runs both in the foreground and prints the lines to export.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

from tests.support import guard
from tests.support.require import MACHINE, Need, emulator_lack

READY_SECONDS = 60.0
"""Java on a busy two-core machine; three seconds are usual."""

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class EmulatorFailed(Exception):
    """An emulator ended, or did not answer in time; the text carries the end of its log."""


@dataclass(frozen=True)
class Emulator:
    """One of Google's emulators and how it is started."""

    need: Need
    variable: str
    arguments: tuple[str, ...]
    running_host: str | None


FIRESTORE = Emulator(
    need=Need.FIRESTORE_EMULATOR,
    variable="FIRESTORE_EMULATOR_HOST",
    arguments=("emulators", "firestore", "start"),
    running_host=MACHINE.firestore_emulator_host,
)
PUBSUB = Emulator(
    need=Need.PUBSUB_EMULATOR,
    variable="PUBSUB_EMULATOR_HOST",
    arguments=("beta", "emulators", "pubsub", "start", "--project=demo"),
    running_host=MACHINE.pubsub_emulator_host,
)


@contextlib.contextmanager
def running(emulator: Emulator) -> Iterator[str]:
    """The ``host:port`` of a running emulator: the one the environment names, else a child that ends with the block.

    Raises EmulatorFailed when the child cannot be started or does not become ready.
    """
    if emulator.running_host:
        yield emulator.running_host
        return
    host = f"127.0.0.1:{_free_port()}"
    with tempfile.TemporaryDirectory(prefix="deskrun-emulator-") as folder:
        log = Path(folder, "log")
        command = [shutil.which("gcloud") or "gcloud", *emulator.arguments, f"--host-port={host}"]
        if emulator is PUBSUB:
            command.append(f"--data-dir={folder}")
        process = _start(command, Path(folder), log)
        try:
            _wait_ready(host, process, log)
            yield host
        finally:
            _stop(process)


def _start(command: Sequence[str], folder: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start ``command`` under the guard: gcloud starts a shell that starts Java, and ending gcloud leaves Java."""
    environment = os.environ | {  # noqa: TID251 - handed on to a child, not read
        "CLOUDSDK_CONFIG": str(folder / "gcloud"),
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
    }
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, guard.__file__, *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.stdin:
        process.stdin.close()
    process.wait(timeout=30)


def _wait_ready(host: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(URLError, OSError), _DIRECT.open(f"http://{host}/", timeout=2):
            return
        if process.poll() is not None:
            raise EmulatorFailed(f"the emulator on {host} ended:\n{_tail(log)}")
        time.sleep(0.1)
    raise EmulatorFailed(f"the emulator on {host} was not ready within {READY_SECONDS:.0f} s:\n{_tail(log)}")


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _main() -> int:
    for emulator in (FIRESTORE, PUBSUB):
        lack = emulator_lack(emulator.need)
        if lack and not emulator.running_host:
            sys.stderr.write(f"{emulator.need}: {lack}\n")
            return 1
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.ExitStack() as stack, contextlib.suppress(KeyboardInterrupt):
        for emulator in (FIRESTORE, PUBSUB):
            sys.stdout.write(f"export {emulator.variable}={stack.enter_context(running(emulator))}\n")
            sys.stdout.flush()
        while True:
            signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(_main())
