"""ffmpeg processes that outlived a killed daemon, ended at the next start (on Linux they die with the daemon anyway).

``worker/daemon.py`` calls it while it holds the lock of the data folder, so nobody else renders there.
"""

from pathlib import Path

import psutil

END_SECONDS = 5.0


def kill_leftovers(jobs_folder: Path) -> list[int]:
    """Kill every process that works in the scratch folder of a render; their ids.

    A renderer is known by its working directory (``jobs/{job_id}/*.work``), which nothing but it has. A number written
    down after the start would miss the process of a daemon that was killed in between.
    """
    jobs_folder = jobs_folder.resolve()
    killed = []
    for process in psutil.process_iter():
        try:
            folder = Path(process.cwd())
            if folder.suffix == ".work" and folder.is_relative_to(jobs_folder):
                process.kill()
                process.wait(END_SECONDS)
                killed.append(process.pid)
        except psutil.Error:  # over already, or another person's
            continue
    return killed
