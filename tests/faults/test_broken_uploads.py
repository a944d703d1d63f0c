"""Uploads that break off at any byte: they go on from what the store has, and what counts is complete."""

import asyncio
import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from schemas.jobs import JobStatus
from tests.support.network import Fault, HttpLine
from tests.support.places import SHORT_LEASES, Place
from tests.support.processes import TOKEN, ControlPlaneProcess, wait_for
from tests.support.studio import Studio
from worker.asset_push import push_asset
from worker.checksums import checksum_file
from worker.control_plane import ControlPlane
from worker.transfers import CHUNK_BYTES, Transfers

SIZE_BYTES = 2 * CHUNK_BYTES + 12345
LARGE = {
    "name": "large",
    "video": {"width": 640, "height": 360, "crf": 0, "preset": "ultrafast"},
    "audio": {"bitrate": "64k"},
}
"""Some MB a second."""


@dataclass(frozen=True)
class Storage:
    """A control plane whose signed URLs lead through ``line``."""

    plane: ControlPlaneProcess
    line: HttpLine
    place: Place

    def sent_bytes(self) -> int:
        """What all PUTs said they would send."""
        return sum(each.body_bytes for each in self.line.passed if each.method == "PUT")


@pytest.fixture
def storage(place: Place, tmp_path: Path) -> Iterator[Storage]:
    plane = place.control_plane(tmp_path / "control-plane", {**SHORT_LEASES, "DESKRUN_LEASE_SECONDS": "60"})
    store = place.settings.get("STORAGE_EMULATOR_HOST")
    with HttpLine(store or plane.url) as line:
        if store:
            plane.environment["STORAGE_EMULATOR_HOST"] = line.url
        else:
            plane.public_url = line.url
        with plane:
            yield Storage(plane, line, place)


@pytest.fixture(scope="module")
def large_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "noise.bin"
    path.write_bytes(os.urandom(SIZE_BYTES))
    return path


def push(url: str, project_id: str, path: Path) -> str:
    """Upload as ``deskrun assets push`` does; the asset's crc32c as the server has read it."""

    async def main() -> str:
        async with ControlPlane(url, lambda: TOKEN) as plane, Transfers() as transfers:
            pushed = await push_asset(plane, transfers, project_id, path, known=[])
            return str(pushed.asset.crc32c)

    return asyncio.run(main())


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([{"cut_after_bytes": at} for at in (0, 1, 100_000, CHUNK_BYTES - 1)], id="cut at"),
        pytest.param([{"lose_answer": True}] * 4, id="answer lost"),
        pytest.param([{"status": status} for status in (500, 503, 429)], id="refused"),
    ],
)
def test_a_large_upload_goes_on_where_it_broke_off(
    storage: Storage, large_file: Path, faults: list[dict[str, int]]
) -> None:
    studio = Studio(storage.plane.url)
    # The first PUT asks what the store has; those that carry a body are the chunks.
    storage.line.faults = [Fault("PUT", ".*", **fault) for fault in faults]  # type: ignore[arg-type]
    assert push(storage.plane.url, studio.project_id, large_file) == checksum_file(large_file).crc32c
    assert [fault.met for fault in storage.line.faults] == [1] * len(faults)
    assert storage.sent_bytes() <= SIZE_BYTES + len(faults) * CHUNK_BYTES


def test_a_desk_killed_in_an_upload_goes_on_where_it_was(storage: Storage, clip: Path, tmp_path: Path) -> None:
    studio = Studio(storage.plane.url)
    studio.save_timeline(studio.add_asset(clip, "video/mp4"), seconds=60)
    with storage.place.daemon(tmp_path / "desk", storage.plane.url) as desk:
        # The second chunk never gets through, until the desk is killed.
        held = Fault("PUT", ".*", hold=True, times=1000)
        storage.line.faults = [Fault("PUT", ".*", times=2), held]
        job_id = studio.ask_for_render(LARGE)
        wait_for("the second chunk", lambda: held.met)
        desk.kill()
        state = json.loads((desk.data_dir / "jobs" / job_id / "job.json").read_bytes())
        size = state["output"]["size_bytes"]
        assert size > CHUNK_BYTES, "the output is too small for a session"
        storage.line.faults = []
        before = storage.sent_bytes()
        desk.start()
        desk.wait_for_event("job_recovered", job_id=job_id, phase="uploading")
        job = studio.wait_for_end(job_id)
        assert (job.status, job.attempt, job.output_size_bytes) == (JobStatus.COMPLETED, 1, size)
        assert storage.sent_bytes() - before == size - CHUNK_BYTES
        desk.wait_until_tidy()


def test_what_is_cut_short_never_counts(storage: Storage, clip: Path, tmp_path: Path) -> None:
    """A single PUT that breaks off leaves nothing at the store; the desk sends it again as a whole."""
    studio = Studio(storage.plane.url)
    studio.save_timeline(studio.add_asset(clip, "video/mp4"), seconds=2)
    storage.line.faults = [Fault("PUT", ".*", cut_after_bytes=at) for at in (0, 1, 10_000)]
    with storage.place.daemon(tmp_path / "desk", storage.plane.url) as desk:
        job = studio.wait_for_end(studio.ask_for_render())
        assert [fault.met for fault in storage.line.faults] == [1, 1, 1]
        assert (job.status, job.attempt) == (JobStatus.COMPLETED, 1)
        output = studio.download_output(job.job_id, tmp_path / f"{uuid.uuid4().hex}.mp4")
        assert (output.stat().st_size, checksum_file(output).crc32c) == (job.output_size_bytes, job.output_crc32c)
        desk.wait_until_tidy()
