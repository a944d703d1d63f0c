import subprocess
import sys
from pathlib import Path

import psutil

from worker.processes import kill_leftovers


def sleeper(folder: Path) -> subprocess.Popen[bytes]:
    folder.mkdir(parents=True, exist_ok=True)
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], cwd=folder)


def test_only_processes_in_a_scratch_folder_of_this_desk_are_ended(tmp_path: Path) -> None:
    jobs = tmp_path / "desk" / "jobs"
    ours = sleeper(jobs / "a" / "output.mp4.work")
    persons_shell = sleeper(jobs / "a")
    other_desk = sleeper(tmp_path / "other" / "jobs" / "a" / "output.mp4.work")
    try:
        assert kill_leftovers(jobs) == [ours.pid]
        assert not psutil.pid_exists(ours.pid)
        assert persons_shell.poll() is None
        assert other_desk.poll() is None
        assert kill_leftovers(jobs) == []
    finally:
        for process in (ours, persons_shell, other_desk):
            process.kill()
            process.wait()


def test_a_desk_that_never_worked_has_no_leftovers(tmp_path: Path) -> None:
    assert kill_leftovers(tmp_path / "jobs") == []
