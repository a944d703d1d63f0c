"""Runs one ffmpeg: niced, watched, and never left behind. The engine calls ``run_ffmpeg``."""

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil

from worker.render.errors import RenderError
from worker.render.ffmpeg import Ffmpeg, child_environment

_NICE = 10
_REPORTED_LINES = 40
_READ_BYTES = 16 * 1024
_MAX_LINE = 2000
_DISK_FULL = ("No space left on device", "Disk quota exceeded", "File too large")
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class Pause:
    """Holds the ffmpegs of a render where they are and lets them go on; they keep their memory and use no processor."""

    def __init__(self) -> None:
        self._running: set[int] = set()
        self._held = False

    @property
    def held(self) -> bool:
        """Whether the render stands still."""
        return self._held

    def hold(self) -> None:
        """Stand still, also what is only about to begin."""
        self._held = True
        for pid in self._running:
            self._tell(pid)

    def go_on(self) -> None:
        """Continue where it was held."""
        self._held = False
        for pid in self._running:
            self._tell(pid)

    @contextlib.contextmanager
    def over(self, pid: int) -> Iterator[None]:
        """Have the process ``pid`` held and let go with the others."""
        self._running.add(pid)
        if self._held:
            self._tell(pid)
        try:
            yield
        finally:
            self._running.discard(pid)

    def _tell(self, pid: int) -> None:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            process.suspend() if self._held else process.resume()


async def run_ffmpeg(
    ffmpeg: Ffmpeg,
    arguments: Sequence[str],
    *,
    folder: Path,
    on_frame: Callable[[int], None],
    pause: Pause | None = None,
) -> None:
    """Run ffmpeg in ``folder``; ``on_frame`` hears the number of encoded frames about twice a second.

    RenderError ``encoder_failed`` or ``disk_full`` carries ffmpeg's last lines. When the task is cancelled or
    ``on_frame`` raises, ffmpeg is killed and waited for before the exception goes on.
    """
    # -progress counts encoded frames: out_time runs ahead with the sound and would flatter.
    watched = ["-hide_banner", "-nostdin", "-nostats", "-loglevel", "warning", "-stats_period", "0.5"]
    process = await asyncio.create_subprocess_exec(
        str(ffmpeg.path),
        *watched,
        *("-progress", "pipe:1"),
        *arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=child_environment(),
        **_spawn_options(),
    )
    said: deque[str] = deque(maxlen=_REPORTED_LINES)
    try:
        with (pause or Pause()).over(process.pid):
            async with asyncio.TaskGroup() as readers:
                readers.create_task(_follow(process.stdout, lambda line: _progress(line, on_frame)))
                readers.create_task(_follow(process.stderr, said.append))
            await process.wait()
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None
    finally:
        await _stop(process)
    if process.returncode != 0:
        raise _failure(process.returncode or 0, list(said))


def _progress(line: str, on_frame: Callable[[int], None]) -> None:
    key, _, value = line.partition("=")
    if key == "frame" and value.strip().isdecimal():
        on_frame(int(value))


async def _follow(stream: asyncio.StreamReader | None, on_line: Callable[[str], object]) -> None:
    """Every line to ``on_line``. Not ``readline``: it fails on lines without end, and ffmpeg quotes what it is fed."""
    assert stream is not None  # noqa: S101 - both are pipes
    rest = ""
    while piece := await stream.read(_READ_BYTES):
        *lines, rest = (rest + piece.decode("utf-8", "replace").replace("\r", "\n")).split("\n")
        rest = rest[-_MAX_LINE:]
        for line in lines:
            on_line(line[:_MAX_LINE])
    if rest:
        on_line(rest)


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Kill ffmpeg, held or not, and read its pipes to the end: what it had half-written is of no use to anybody."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


def _failure(code: int, said: list[str]) -> RenderError:
    text = "\n".join(line for line in said if line.strip())
    if any(sign in text for sign in _DISK_FULL):
        return RenderError("disk_full", "the disk is full", hint="free some space and render again")
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    return RenderError("encoder_failed", f"ffmpeg ended with {how}:\n{text}")


def _spawn_options() -> dict[str, Any]:
    if sys.platform == "win32":
        return {"creationflags": subprocess.BELOW_NORMAL_PRIORITY_CLASS | subprocess.CREATE_NO_WINDOW}
    parent = os.getpid()
    return {"preexec_fn": lambda: _settle(parent)}


def _settle(parent: int) -> None:
    """In the child, before ffmpeg: work behind the desktop, and on Linux die with the daemon, even if it is killed."""
    os.nice(_NICE)
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
