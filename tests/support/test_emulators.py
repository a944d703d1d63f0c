"""Emulators leave nothing behind, also when the test run is killed, and say why they could not start."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from tests.support import emulators, guard
from tests.support.emulators import Emulator, EmulatorFailed
from tests.support.require import Need, absent, emulator_lack

FAMILY = "sleep 600 & echo $!; sleep 600"
"""A shell with two children, as gcloud has a shell that has Java."""


def gone(pid: int) -> bool:
    """Whether the process has ended; an orphan of a container may wait for ever to be reaped."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def guarded() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, guard.__file__, "sh", "-c", FAMILY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        yield process
        process.kill()


def test_closing_the_pipe_ends_the_children_too(guarded: subprocess.Popen[str]) -> None:
    assert guarded.stdin
    assert guarded.stdout
    grandchild = int(guarded.stdout.readline())

    guarded.stdin.close()

    assert guarded.wait(timeout=30) == -signal.SIGKILL % 256
    assert gone(grandchild)


def test_an_owner_that_is_killed_leaves_nothing_behind() -> None:
    owner_code = (
        "import subprocess, sys, time\nsubprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)\ntime.sleep(600)\n"
    )
    command = [sys.executable, "-c", owner_code, sys.executable, guard.__file__, "sh", "-c", FAMILY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout
        grandchild = int(owner.stdout.readline())
        owner.kill()

    assert gone(grandchild)


def test_the_end_of_the_command_is_the_end_of_the_guard_and_of_what_it_left() -> None:
    command = [sys.executable, guard.__file__, "sh", "-c", "sleep 600 & echo $!; exit 3"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        grandchild = int(process.stdout.readline())

        assert process.wait(timeout=30) == 3

    assert gone(grandchild)


def test_an_emulator_that_does_not_start_says_why_at_once() -> None:
    broken = Emulator(
        need=Need.PUBSUB_EMULATOR,
        variable="PUBSUB_EMULATOR_HOST",
        arguments=("beta", "emulators", "pubsub", "start", "--no-such-flag"),
        running_host=None,
    )
    if lack := emulator_lack(broken.need):
        absent(broken.need, lack)

    with pytest.raises(EmulatorFailed, match="--no-such-flag"), emulators.running(broken):
        pass


def test_in_the_foreground_it_prints_the_lines_to_export_and_ends_cleanly() -> None:
    hosts = {"FIRESTORE_EMULATOR_HOST": "127.0.0.1:1", "PUBSUB_EMULATOR_HOST": "127.0.0.1:2"}
    command = [sys.executable, "-m", "tests.support.emulators"]
    environment = os.environ | hosts  # noqa: TID251 - handed on to a child, not read

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout
        lines = [process.stdout.readline(), process.stdout.readline()]
        process.terminate()
        code = process.wait(timeout=30)

    assert lines == [f"export {name}={host}\n" for name, host in hosts.items()]
    assert code == 0
