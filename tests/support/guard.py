"""Runs a command and ends it, with everything it started, as soon as standard input closes.

Tests start servers that start children of their own through it: a test run that is killed cannot end anything, so
neither a signal nor an exit handler is enough, but its end of the pipe closes with it.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading


def main(command: list[str]) -> int:
    """Run ``command`` in a process group of its own; its exit code, or minus the signal that ended it."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)

    def end_group() -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)

    def wait_for_the_end() -> None:
        while os.read(0, 1024):
            pass
        end_group()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    try:
        return child.wait()
    finally:
        end_group()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
