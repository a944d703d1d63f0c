"""The control plane and the daemon as real child processes, for tests that kill, stop and restart them."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "a-token-for-tests"
PATIENCE_SECONDS = 60.0
"""How long a test waits for what should happen in a moment: a slow machine is no failure."""


def wait_for(what: str, condition: Callable[[], Any], *, seconds: float = PATIENCE_SECONDS) -> Any:
    """The first true result of ``condition``; AssertionError when it takes too long."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}"
        time.sleep(0.02)
    return result


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


_REAPER = "import os, signal, sys; sys.stdin.read(); os.killpg(int(sys.argv[1]), signal.SIGKILL)"
"""Ends the child's group as soon as its standard input closes: a test run that is killed cannot end anything itself."""


class Process:
    """A child in its own session, its standard error in a file, killed at the end of the block."""

    def __init__(self, arguments: list[str], log: Path, environment: Mapping[str, str]) -> None:
        self._arguments = arguments
        self.environment = dict(environment)
        self.log = log
        self._child: subprocess.Popen[bytes] | None = None
        self._reaper: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, or start it again; the log goes on."""
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                [sys.executable, *self._arguments],
                cwd=ROOT,
                env=os.environ | self.environment,  # noqa: TID251 - handed on to a child, not read
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        command = [sys.executable, "-I", "-S", "-c", _REAPER, str(self._child.pid)]
        self._reaper = subprocess.Popen(
            command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )

    def read_ready_line(self) -> dict[str, Any]:
        """The JSON line with which a server says on standard output that it answers."""
        assert self.child.stdout is not None
        ready = self.child.stdout.readline()
        assert ready, f"{self._arguments} did not start:\n{self.log.read_text()[-8000:]}"
        line: dict[str, Any] = json.loads(ready)
        return line

    @property
    def child(self) -> subprocess.Popen[bytes]:
        """The running child."""
        assert self._child is not None
        return self._child

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the child alone."""
        self.child.send_signal(number)

    def kill(self) -> None:
        """``kill -9``, and wait until it is gone."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._tidy()

    def wait(self, *, seconds: float = PATIENCE_SECONDS) -> int:
        """Its exit code once it has ended."""
        code = self.child.wait(timeout=seconds)
        self._tidy()
        return code

    def _tidy(self) -> None:
        """After the child's end: its pipe and its reaper. What it left running is for the test to see."""
        if self.child.stdout is not None:
            self.child.stdout.close()
        if self._reaper is not None:
            self._reaper.kill()
            self._reaper.communicate()
            self._reaper = None


class ControlPlaneProcess(Process):
    """``python -m functions serve``, by default on the local backend; on the same port after each start.

    ``settings`` are environment variables.
    """

    public_url: str | None = None
    """The origin in signed URLs, for callers who reach it through something else; counts at the next start."""

    def __init__(self, folder: Path, *, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        environment = {"DEV_API_TOKEN": TOKEN, "DESKRUN_LOG_FORMAT": "json", **(settings or {})}
        super().__init__([], folder.with_name(f"{folder.name}.log"), environment)

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._arguments = ["-m", "functions", "serve", "--port", str(self._port), "--data-dir", str(self.folder)]
        if self.public_url:
            self._arguments += ["--public-url", self.public_url]
        super().start()
        self.read_ready_line()

    def requests(self) -> list[dict[str, Any]]:
        """What it has logged of each request so far: ``function``, ``status``, ``time``, ``message``."""
        lines = self.log.read_text().splitlines()
        records = [json.loads(line) for line in lines if line.startswith("{")]
        return [record for record in records if record.get("event") == "request"]


class GcsStandinProcess(Process):
    """The strict Cloud Storage stand-in, which tells ``notify_topic`` of every object."""

    def __init__(self, folder: Path, *, public_key: Path, notify_topic: str, pubsub_emulator_host: str) -> None:
        self.url = ""
        arguments = ["-m", "tests.support.gcs_standin", "--data", str(folder), "--public-key", str(public_key)]
        arguments += ["--notify-topic", notify_topic]
        environment = {"PUBSUB_EMULATOR_HOST": pubsub_emulator_host}
        super().__init__(arguments, folder.with_name(f"{folder.name}.log"), environment)

    def start(self) -> None:
        """Start it and wait until it answers."""
        super().start()
        self.url = self.read_ready_line()["url"]


class DaemonProcess(Process):
    """A daemon with JSON logs. ``settings`` are named as in ``worker.settings``."""

    def __init__(self, data_dir: Path, url: str, **settings: object) -> None:
        self.data_dir = data_dir
        values = {"data_dir": data_dir, "control_plane_url": url, "token": TOKEN, "log_format": "json", **settings}
        environment = {f"DESKRUN_{name.upper()}": str(value) for name, value in values.items()}
        super().__init__(["-m", "tests.support.run_daemon"], data_dir.with_name(f"{data_dir.name}.log"), environment)

    def records(self, event: str | None = None) -> list[dict[str, Any]]:
        """What it has logged so far, of one event or all."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        records = [json.loads(line) for line in lines if line.startswith("{")]
        return [record for record in records if event in (None, record["event"])]

    def leftovers(self) -> list[str]:
        """What is in its data folder beside what may always be there."""
        expected = {"daemon.lock", "state.json", "jobs", "render-cache", "render-cache/renders"}
        kept = ("cache/", "render-cache/pieces", "render-cache/ledger.sqlite3")
        names = [path.relative_to(self.data_dir).as_posix() for path in self.data_dir.rglob("*")]
        return sorted(name for name in names if not f"{name}/".startswith(kept) and name not in expected)

    def encoders(self) -> list[int]:
        """The processes that work in its data folder, also those that outlived it."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if Path(process.cwd()).is_relative_to(self.data_dir):
                    found.append(process.pid)
        return found

    def wait_until_tidy(self) -> None:
        """Until nothing of any job is left: no file, no process."""
        wait_for(f"a tidy {self.data_dir.name}", lambda: not self.leftovers() and not self.encoders())

    def wait_for_event(self, event: str, count: int = 1, **facts: object) -> dict[str, Any]:
        """The ``count``-th record of this event with these facts, once it is there."""

        def found() -> dict[str, Any] | None:
            fitting = [record for record in self.records(event) if record.items() >= facts.items()]
            return fitting[count - 1] if len(fitting) >= count else None

        try:
            record: dict[str, Any] = wait_for(f"{event} {facts}", found)
        except AssertionError as error:
            raise AssertionError(f"{error}; the log:\n{self.log.read_text()[-8000:]}") from None
        return record
