"""Functions as Google runs them: Google's framework, the staged bundle, its own requirements and nothing else."""

import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
from filelock import FileLock

from infra.bundle import ROOT
from tests.support import guard
from tests.support.processes import free_port

START_SECONDS = 60.0
"""A cold start on a machine that does other things; one second is usual."""

REQUIREMENTS = ROOT / "requirements" / "functions.lock"


def clean_environment() -> Path:
    """Folder of a virtual environment with the functions' requirements only, kept in ``build/`` per lock and Python."""
    key = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = ROOT / "build" / "function-environments" / key
    complete = folder / "complete"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not complete.is_file():
            _install(folder)
            complete.touch()
    return folder


def _install(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip = [
        str(folder / "bin" / "python"),
        "-m",
        "pip",
        "--quiet",
        "--quiet",
        "--no-input",
        "install",
        "--require-hashes",
    ]
    # Where packages come from is the machine's own setting, so its environment is handed on.
    environment = {name: value for name, value in os.environ.items() if name != "PIP_TARGET"}  # noqa: TID251
    subprocess.run([*pip, "--requirement", str(REQUIREMENTS)], env=environment, check=True)


class Deployment:
    """One bundle, the environment it runs in, and the settings that every function of it gets."""

    def __init__(self, bundle: Path, python_folder: Path, settings: Mapping[str, str]) -> None:
        self._bundle = bundle
        self._framework = python_folder / "bin" / "functions-framework"
        self._settings = dict(settings)

    @contextlib.contextmanager
    def running(self, function: str) -> Iterator[httpx.Client]:
        """A client of ``function``, which runs alone, with no environment but its settings, until the block ends."""
        port = free_port()
        log = self._bundle.with_name(f"{function}.log")
        environment = {**self._settings, "FUNCTION_TARGET": function, "HOST": "127.0.0.1", "PORT": str(port)}
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-I", guard.__file__, self._framework],
                cwd=self._bundle,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            _wait_until_it_listens(process, port, log)
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
                yield http
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise AssertionError(f"{log.stem} does not serve:\n{log.read_text(errors='replace')[-4000:]}")
