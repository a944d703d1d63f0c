"""The ``deskrun`` command as a real child process, in a folder and a home of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import psutil

from tests.support.processes import PATIENCE_SECONDS, ROOT, wait_for


@dataclass(frozen=True)
class Done:
    """What a command left: its exit code and its two streams."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output as the one JSON document it must be."""
        return json.loads(self.out)


@dataclass
class CommandLine:
    """Runs commands in ``folder``; ``settings`` are further variables of their environment."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def data_dir(self) -> Path:
        """Where the commands keep their state."""
        return self.folder / "data"

    def run(self, *arguments: str | Path, stdin: str = "") -> Done:
        """Run to the end. No run may show a traceback."""
        with self.start(*arguments) as child:
            out, err = child.communicate(stdin, timeout=PATIENCE_SECONDS)
        assert "Traceback" not in err, err
        return Done(child.returncode, out, err)

    def ok(self, *arguments: str | Path, stdin: str = "") -> Done:
        """Run to the end, which must be a success."""
        done = self.run(*arguments, stdin=stdin)
        assert done.code == 0, done.err
        return done

    @contextmanager
    def start(self, *arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
        """Running, in a session of its own, until the end of the block at most."""
        child = subprocess.Popen(
            [sys.executable, "-m", "worker.cli", *map(str, arguments)],
            cwd=self.folder,
            env=os.environ | self._environment(),  # noqa: TID251 - handed on to a child, not read
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            yield child
        finally:
            if child.returncode is None:
                child.kill()
                child.communicate()

    def _environment(self) -> dict[str, str]:
        home = self.folder / "home"
        return {
            "PYTHONPATH": str(ROOT),
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home),
            "XDG_DATA_HOME": str(home),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            "DESKRUN_DATA_DIR": str(self.data_dir),
            **self.settings,
        }


def interrupt(child: subprocess.Popen[str], number: signal.Signals = signal.SIGINT) -> Done:
    """What Ctrl-C does, or another signal, and what is left then."""
    child.send_signal(number)
    out, err = child.communicate(timeout=PATIENCE_SECONDS)
    assert "Traceback" not in err, err
    return Done(child.returncode, out, err)


def processes_over(folder: Path) -> list[psutil.Process]:
    """The running processes that were told to work in this folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if any(str(folder) in argument for argument in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def wait_until_gone(folder: Path) -> None:
    """Wait until nothing works in this folder any more."""
    wait_for(f"the end of all processes over {folder}", lambda: not processes_over(folder))


def wait_for_file(path: Path, holds: Callable[[str], bool]) -> str:
    """The text of the file once it is as wanted."""

    def text() -> str | None:
        found = path.read_text(encoding="utf-8") if path.exists() else ""
        return found if holds(found) else None

    result: str = wait_for(f"{path} to be as wanted", text)
    return result


class Up:
    """A running ``deskrun up`` on a free port, ended at the end of the block."""

    def __init__(self, command_line: CommandLine, *options: str) -> None:
        self.command_line = command_line
        self._options = options
        self._exit = ExitStack()
        self.url = ""

    def __enter__(self) -> Self:
        self.child = self._exit.enter_context(self.command_line.start("up", "--port", "0", "--json", *self._options))
        assert self.child.stdout is not None
        assert self.child.stderr is not None
        text = ""
        while not text.endswith("\n}\n"):
            line = self.child.stdout.readline()
            assert line, self.child.stderr.read()
            text += line
        self.url = str(json.loads(text)["control_plane_url"])
        return self

    def stop(self) -> Done:
        """Ctrl-C."""
        return interrupt(self.child)

    def __exit__(self, *_: object) -> None:
        if self.child.returncode is None:
            self.stop()
        self._exit.close()


def timeline(*urls: str, frames: int = 30) -> dict[str, Any]:
    """One video track of clips, ``frames`` long each, at 30 frames a second."""

    def time(value: float) -> dict[str, Any]:
        return {"OTIO_SCHEMA": "RationalTime.1", "value": value, "rate": 30}

    clips = [
        {
            "OTIO_SCHEMA": "Clip.2",
            "name": url,
            "source_range": {"OTIO_SCHEMA": "TimeRange.1", "start_time": time(0), "duration": time(frames)},
            "media_references": {"DEFAULT_MEDIA": {"OTIO_SCHEMA": "ExternalReference.1", "target_url": url}},
            "active_media_reference_key": "DEFAULT_MEDIA",
        }
        for url in urls
    ]
    track = {"OTIO_SCHEMA": "Track.1", "kind": "Video", "children": clips}
    return {"OTIO_SCHEMA": "Timeline.1", "tracks": {"OTIO_SCHEMA": "Stack.1", "children": [track]}}
