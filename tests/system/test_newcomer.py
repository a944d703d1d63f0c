"""Somebody who has just installed deskrun: ``deskrun up``, and a film from the command line, twice in a row."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.processes import ROOT, Process
from tests.support.studio import timeline_of
from worker.render.probe import probe_media

COMMAND_SECONDS = 120


class Newcomer:
    """A person with an empty home and nothing set."""

    def __init__(self, home: Path) -> None:
        home.mkdir()
        self.home = home
        self.environment = {"HOME": str(home), "XDG_DATA_HOME": "", "XDG_CONFIG_HOME": "", "NO_COLOR": "1"}

    def run(self, *arguments: str) -> Any:
        """``deskrun ARGUMENTS --json``; the document it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "worker.cli", *arguments, "--json"],
            cwd=ROOT,
            env=os.environ | self.environment,  # noqa: TID251 - handed on to a child, not read
            capture_output=True,
            check=False,
            text=True,
            timeout=COMMAND_SECONDS,
        )
        assert done.returncode == 0, f"deskrun {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return json.loads(done.stdout)

    def watch_a_render(self, project: str) -> None:
        """Create a render and watch it to its end."""
        job_id = self.run("jobs", "create", "--project", project)["job_id"]
        job = self.run("jobs", "watch", job_id, "--project", project)
        assert (job["status"], job["attempt"]) == ("completed", 1)

    @contextmanager
    def up(self) -> Iterator[Process]:
        """``deskrun up`` in another terminal, until Ctrl-C; its children end with it, also in a test that fails."""
        arguments = ["-m", "worker.cli", "up", "--port", "0", "--json"]
        up = Process(arguments, self.home.with_name("up.log"), self.environment)
        with up:
            try:
                assert _first_document(up)["control_plane_url"].startswith("http://127.0.0.1:")
                children = psutil.Process(up.child.pid).children(recursive=True)
                yield up
                up.signal(signal.SIGINT)
                assert up.wait() == 0
                assert [child for child in children if child.is_running()] == []
            finally:
                if up.child.poll() is None:
                    for child in psutil.Process(up.child.pid).children(recursive=True):
                        child.kill()


def _first_document(up: Process) -> dict[str, Any]:
    """The JSON that ``up`` prints when it is up; its lines end with a brace of their own."""
    assert up.child.stdout is not None
    lines = []
    while line := up.child.stdout.readline():
        lines.append(line)
        if line == b"}\n":
            break
    document: dict[str, Any] = json.loads(b"".join(lines))
    return document


def test_up_and_a_film_from_the_command_line_twice_in_a_row(clip: Path, tmp_path: Path) -> None:
    newcomer = Newcomer(tmp_path / "home")
    timeline, video = tmp_path / "cut.otio", tmp_path / "mine.mp4"
    with newcomer.up():
        project = newcomer.run("projects", "create", "film")["project_id"]
        (asset,) = newcomer.run("assets", "push", str(clip), "--project", project)
        timeline.write_text(json.dumps(timeline_of(asset["asset_id"], 1)))
        newcomer.run("timeline", "push", str(timeline), "--project", project)
        newcomer.watch_a_render(project)
        newcomer.run("render", str(timeline), "-o", str(video), "--asset", f"{asset['asset_id']}={clip}")
        assert probe_media(video).duration_seconds == pytest.approx(1, abs=0.1)
        assert newcomer.run("share", str(video), "--project", project)["version"] == 1
    with newcomer.up():
        newcomer.watch_a_render(project)
