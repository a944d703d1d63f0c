"""A file system without room, mounted small for the test: for the control plane, and for a desk."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from schemas.jobs import JobStatus
from tests.support.places import LOCAL, SHORT_LEASES
from tests.support.processes import TOKEN, wait_for
from tests.support.require import Need, absent
from tests.support.scenes import studio_with
from worker.desk import SPARE_BYTES

MIB = 1024 * 1024


class SmallDisk:
    """A mounted tmpfs."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self) -> None:
        """Leave no byte free."""
        with (self.path / "ballast").open("ab", buffering=0) as ballast:
            for size in (MIB, 4096, 1):
                try:
                    while True:
                        ballast.write(bytes(size))
                except OSError:
                    continue

    def make_room(self) -> None:
        """Take out what ``fill`` put in."""
        (self.path / "ballast").unlink()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """As large as a desk needs to take a job on, and a bit."""
    path = tmp_path / "disk"
    path.mkdir()
    size = SPARE_BYTES + 64 * MIB
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False, text=True)
    except FileNotFoundError:
        absent(Need.MOUNT, "there is no mount command")
    if done.returncode != 0:
        absent(Need.MOUNT, f"only root may mount a file system to fill ({done.stderr.strip()})")
    yield SmallDisk(path)
    subprocess.run(["umount", str(path)], check=True)


def test_a_control_plane_without_room_says_so_and_goes_on_with_room(
    small_disk: SmallDisk, clip: Path, tmp_path: Path
) -> None:
    plane = LOCAL.control_plane(small_disk.path / "control-plane", SHORT_LEASES)
    plane.log = tmp_path / "control-plane.log"
    client = httpx.Client(base_url=plane.url, headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False, timeout=30)
    with plane, client as http:
        studio = studio_with(plane.url, clip)
        small_disk.fill()
        answers = [http.post("/projects", json={"name": "no room"}) for _ in range(200)]
        refused = [answer for answer in answers if answer.status_code != 201]
        assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {(503, "unavailable")}
        with clip.open("rb") as file:
            upload = http.post(f"/projects/{studio.project_id}/assets", files={"file": file})
        assert (upload.status_code, upload.json()["code"]) == (503, "unavailable")
        assert http.get(f"/projects/{studio.project_id}").status_code == 200
        small_disk.make_room()
        with LOCAL.daemon(tmp_path / "desk", plane.url):
            assert studio.wait_for_end(studio.ask_for_render()).status is JobStatus.COMPLETED


def test_a_desk_without_room_fails_its_job_takes_no_other_and_goes_on_with_room(
    small_disk: SmallDisk, clip: Path, tmp_path: Path
) -> None:
    with (
        LOCAL.control_plane(tmp_path / "control-plane", SHORT_LEASES) as plane,
        LOCAL.daemon(small_disk.path / "desk", plane.url) as desk,
    ):
        studio = studio_with(plane.url, clip)
        studio.save_timeline(studio.asset_id, seconds=120)
        job_id = studio.ask_for_render()
        desk.wait_for_event("job_phase", phase="rendering")
        small_disk.fill()
        job = studio.wait_for_end(job_id)
        assert (job.status, job.error_code) == (JobStatus.FAILED, "disk_full")
        wait_for("its files to go", lambda: not (desk.data_dir / "jobs" / job_id).exists())
        studio.save_timeline(studio.asset_id, seconds=1)
        waiting = studio.ask_for_render()
        desk.wait_for_event("job_failed", job_id=job_id)
        assert studio.job(waiting).status is JobStatus.QUEUED
        small_disk.make_room()
        assert studio.wait_for_end(waiting).status is JobStatus.COMPLETED
        desk.wait_until_tidy()
