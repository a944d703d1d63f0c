"""A control plane and a daemon on this machine, as child processes of one command: ``deskrun up`` and ``deskrun demo``.

The children live in sessions of their own, so Ctrl-C reaches the command alone and it can end them in order. What a
killed command leaves behind is found through ``up.json`` and ended by the next one in the same data folder.
"""

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import filelock
import psutil

from worker.daemon import RELEASE_SECONDS
from worker.settings import Settings
from worker.up_record import ChildProcess, UpRecord, new_token, read_up_record, write_up_record

DEFAULT_PORT = 8787
HOST = "127.0.0.1"
START_SECONDS = 60.0
STOP_SECONDS = 15.0
"""More than the control plane waits for calls under way before it ends by itself; most often that is within one."""
LOOK_SECONDS = 0.05
SHOWN_LOG_LINES = 5


class StackError(Exception):
    """The local stack cannot be started, or one of its processes ended. ``hint`` says what to do."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class Child:
    """A process of the stack and the file that takes its output."""

    name: str
    process: asyncio.subprocess.Process
    log_path: Path
    patience_seconds: float
    """How long it may take to end when asked to."""

    def ended(self) -> StackError:
        """Why it is not running any more, as far as its log tells."""
        lines = self.log_path.read_text(encoding="utf-8", errors="replace").splitlines()[-SHOWN_LOG_LINES:]
        said = "".join(f"\n  {line}" for line in lines)
        return StackError(
            f"the {self.name} ended with code {self.process.returncode}:{said}", hint=f"Log: {self.log_path}"
        )


class LocalStack:
    """Both processes over one data folder. An asynchronous context manager: leaving it ends what was started."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._data_dir = settings.data_dir
        self._lock = filelock.FileLock(self._data_dir / "up.lock", mode=0o600)
        self._children: list[Child] = []
        before = read_up_record(self._data_dir)
        self._record = UpRecord(url="", token=before.token if before else new_token())
        self._last_port = urlsplit(before.url).port if before else None

    @property
    def url(self) -> str:
        """Where the control plane answers."""
        return self._record.url

    @property
    def token(self) -> str:
        """The token that the control plane accepts, the same in every run over one data folder."""
        return self._record.token

    async def __aenter__(self) -> Self:
        self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except filelock.Timeout:
            record = read_up_record(self._data_dir)
            where = f" at {record.url}" if record and record.url else ""
            raise StackError(
                f"it is already running{where}",
                hint=f"One at a time over {self._data_dir}; end the other with Ctrl-C, or use another --data-dir.",
            ) from None
        await asyncio.to_thread(_end_leftovers, read_up_record(self._data_dir))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._stop_children()
        finally:
            if self._record.url:
                self._save_record()
            self._lock.release()

    async def start_control_plane(self, port: int | None) -> Child:
        """Start it and wait until it answers. None: the port of last time, where the desk is known, else any."""
        if port is None:
            port = self._last_port if self._last_port and _is_free(self._last_port) else 0
        elif port != 0 and not _is_free(port):
            raise StackError(
                f"port {port} is taken{_holder_text(port)}",
                hint="End that program, or use another port: `deskrun up --port 0` takes any free one.",
            )
        command = ["-m", "functions", "serve", "--host", HOST, "--port", str(port)]
        command += ["--data-dir", str(self._data_dir / "control-plane")]
        environment = {"DEV_API_TOKEN": self._record.token}
        child = await self._start("control plane", command, environment, patience_seconds=STOP_SECONDS)
        url = await _until_ready(child, re.compile(r'"url": "(http[^"]+)"'))
        self._record = self._record.model_copy(update={"url": url})
        self._save_record()
        return child

    async def start_worker(self) -> Child:
        """Start the daemon of these settings at this control plane, and wait until it is registered."""
        command = ["-m", "worker.cli", "worker", "--control-plane", self.url, "--data-dir", str(self._data_dir)]
        command += ["--slots", str(self._settings.slots), "--name", self._settings.name]
        for folder in self._settings.override_dirs:
            command += ["--override-dir", str(folder)]
        environment = {
            "DESKRUN_TOKEN": self.token,  # wins over one in worker.toml
            "DESKRUN_LOG_FORMAT": "json",
            "DESKRUN_DRAIN_SECONDS": str(self._settings.drain_seconds),
        }
        patience_seconds = self._settings.drain_seconds + RELEASE_SECONDS + STOP_SECONDS
        child = await self._start("worker", command, environment, patience_seconds=patience_seconds)
        await _until_ready(child, re.compile(r'"event": "(worker_registered)"'))
        return child

    async def wait_for_end(self) -> StackError:
        """Returns when one of the processes ended by itself."""
        waits = {asyncio.ensure_future(child.process.wait()): child for child in self._children}
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return waits[done.pop()].ended()

    async def _start(
        self, name: str, arguments: list[str], environment: Mapping[str, str], *, patience_seconds: float
    ) -> Child:
        log_path = self._data_dir / "logs" / f"{name.replace(' ', '-')}.log"
        log_path.parent.mkdir(mode=0o700, exist_ok=True)
        with log_path.open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # a folder called `functions` where the person happens to be is not ours
                *arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_child_environment(environment),
                **_own_session(),
            )
        child = Child(name, process, log_path, patience_seconds)
        self._children.append(child)
        self._save_record()
        return child

    def _save_record(self) -> None:
        running = [child.process.pid for child in self._children if child.process.returncode is None]
        records = [record for pid in running if (record := _child_record(pid)) is not None]
        self._record = self._record.model_copy(update={"children": records})
        write_up_record(self._data_dir, self._record)

    async def _stop_children(self) -> None:
        """The daemon first, so that it can hand its leases back; whatever does not end in time is killed."""
        try:
            for child in reversed(self._children):
                if child.process.returncode is None:
                    _ask_to_end(child.process)
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(child.process.wait(), child.patience_seconds)
        finally:
            for child in self._children:
                if child.process.returncode is None:
                    _kill_tree(child.process.pid)
                    await child.process.wait()


def _child_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Ours, without what would win over the stack's own token and address."""
    kept = dict(os.environ)  # noqa: TID251 - handed on, not read
    for name in ("DESKRUN_TOKEN", "DESKRUN_PUBLIC_URL", "DESKRUN_BACKEND"):
        kept.pop(name, None)
    modules = os.pathsep.join(filter(None, (str(Path(__file__).parents[1]), kept.get("PYTHONPATH"))))
    return {**kept, "PYTHONUNBUFFERED": "1", "PYTHONPATH": modules, **extra}


def _own_session() -> dict[str, Any]:
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def _ask_to_end(process: asyncio.subprocess.Process) -> None:
    if sys.platform == "win32":
        process.send_signal(signal.CTRL_BREAK_EVENT)
    else:
        process.terminate()


def _kill_tree(pid: int) -> None:
    """The process and what it started, such as an encoder."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for each in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()


async def _until_ready(child: Child, sign: re.Pattern[str]) -> str:
    """Wait for the sign in the child's output and return its group."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + START_SECONDS
    while loop.time() < deadline:
        match = sign.search(child.log_path.read_text(encoding="utf-8", errors="replace"))
        if match:
            return match.group(1)
        if child.process.returncode is not None:
            raise child.ended()
        await asyncio.sleep(LOOK_SECONDS)
    raise StackError(f"the {child.name} did not get ready in {START_SECONDS:.0f} s", hint=f"Log: {child.log_path}")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if sys.platform != "win32":  # there it would let us take a port that is in use
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _holder_text(port: int) -> str:
    """`` by NAME (process PID)``, as far as this account may know."""
    try:
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and tuple(connection.laddr)[1:] == (port,)
            if listens and connection.pid is not None:
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    except psutil.Error:
        pass
    return " by another program"


def _child_record(pid: int) -> ChildProcess | None:
    try:
        return ChildProcess(pid=pid, created_at_seconds=psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None


def _end_leftovers(record: UpRecord | None) -> None:
    """End the processes of an ``up`` that was killed; a later process that happens to bear the number is left alone."""
    found: list[psutil.Process] = []
    for child in record.children if record else []:
        try:
            process = psutil.Process(child.pid)
            if abs(process.create_time() - child.created_at_seconds) < 1:
                process.terminate()
                found.append(process)
        except psutil.Error:
            continue
    _, stubborn = psutil.wait_procs(found, timeout=STOP_SECONDS)
    for process in stubborn:
        process.kill()
    psutil.wait_procs(stubborn, timeout=STOP_SECONDS)
