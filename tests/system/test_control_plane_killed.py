"""The control plane is killed between any two steps of a job, and restarted: the job completes, exactly once.

Everybody reaches it through a line that sees each step pass. Once the step's answer has arrived there, the control
plane is killed and started again; then the answer goes on (it died between two steps) or is lost (it died in one).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from schemas.jobs import JobStatus
from tests.support.network import Fault, HttpLine
from tests.support.patience import PatientStudio
from tests.support.places import LOCAL, SHORT_LEASES
from tests.support.processes import ControlPlaneProcess, DaemonProcess
from worker.checksums import checksum_file

STEPS = {
    "create": Fault("POST", ".*/render"),
    "claim": Fault("POST", ".*/claim"),
    "manifest": Fault("GET", ".*/manifest"),
    "manifest's bytes": Fault("GET", r"/_objects/.*\.json"),
    "asset": Fault("GET", ".*/download"),
    "asset's bytes": Fault("GET", r"/_objects/.*\.mp4"),
    "heartbeat": Fault("POST", ".*/heartbeat", body='"job_id"'),
    "processing": Fault("POST", ".*/webhook", body='"processing"'),
    "uploading": Fault("POST", ".*/webhook", body='"uploading"'),
    "upload-url": Fault("POST", ".*/renders/.*/upload-url"),
    "upload": Fault("PUT", r"/_objects/.*\.mp4"),
    "completed": Fault("POST", ".*/webhook", body='"completed"'),
}


@dataclass
class Scene:
    """A control plane, a desk that reaches it through ``line``, and a person who does."""

    line: HttpLine
    control_plane: ControlPlaneProcess
    desk: DaemonProcess
    studio: PatientStudio

    def kill_and_restart(self) -> None:
        self.control_plane.kill()
        self.control_plane.start()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One for all steps: what a killed control plane left behind meets the next job, as it would in life."""
    folder = tmp_path_factory.mktemp("killed")
    plane = LOCAL.control_plane(folder / "control-plane", SHORT_LEASES)
    with HttpLine(plane.url) as line:
        plane.public_url = line.url
        with plane, LOCAL.daemon(folder / "desk", line.url) as desk:
            yield Scene(line, plane, desk, PatientStudio(line.url))


@pytest.mark.parametrize("answer", ["arrives", "is lost"])
@pytest.mark.parametrize("step", STEPS)
def test_the_control_plane_killed_after_a_step(
    scene: Scene, clip: Path, tmp_path: Path, step: str, answer: str
) -> None:
    studio, desk = scene.studio, scene.desk
    # Uploaded again it is another asset, which the desk has to download again.
    studio.save_timeline(studio.add_asset(clip, "video/mp4"), seconds=2)
    fault = replace(STEPS[step], lose_answer=answer == "is lost", then=scene.kill_and_restart)
    scene.line.faults = [fault]
    before = studio.count_jobs()
    job = studio.wait_for_end(studio.ask_for_render())
    assert (fault.met, studio.count_jobs()) == (1, before + 1)
    assert (job.status, job.error_message) == (JobStatus.COMPLETED, None)
    steps = [event.to_status for event in job.events]
    assert steps.count(JobStatus.COMPLETED) == 1
    # Also when the answer to the claim is lost: the desk claims again, and is given the same attempt.
    assert job.attempt == steps.count(JobStatus.PROCESSING) == 1
    output = studio.download_output(job.job_id, tmp_path / "output.mp4")
    assert (output.stat().st_size, checksum_file(output).crc32c) == (job.output_size_bytes, job.output_crc32c)
    desk.wait_for_event("job_completed", job_id=job.job_id)
    desk.wait_until_tidy()
