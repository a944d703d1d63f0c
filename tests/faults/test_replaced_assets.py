"""An asset whose bytes are others when they are downloaded than when the manifest was written."""

import io
from pathlib import Path

import pytest

from functions.domain.assets import ASSETS
from schemas.jobs import JobStatus
from tests.support.network import Fault, HttpLine
from tests.support.places import SHORT_LEASES, Place
from tests.support.scenes import studio_with


@pytest.mark.parametrize("size", ["same", "other"])
def test_an_asset_replaced_after_the_manifest_is_refused(place: Place, clip: Path, tmp_path: Path, size: str) -> None:
    plane = place.control_plane(tmp_path / "control-plane", SHORT_LEASES)
    with plane, place.services(plane) as services, HttpLine(plane.url) as line:
        studio = studio_with(plane.url, clip)
        asset = services.documents.get(ASSETS, studio.asset_id)
        assert asset is not None
        name = asset["object_name"]

        def replace() -> None:
            content = bytearray(clip.read_bytes())
            content[len(content) // 2] ^= 1
            services.objects.write(
                name, io.BytesIO(content[: None if size == "same" else -1]), content_type="video/mp4"
            )

        replaced = Fault("GET", ".*/manifest", then=replace)
        line.faults = [replaced]
        with place.daemon(tmp_path / "desk", line.url) as desk:
            job = studio.wait_for_end(studio.ask_for_render())
            assert replaced.met == 1
            assert (job.status, job.error_code) == (JobStatus.FAILED, "asset_corrupt")
            desk.wait_until_tidy()
            assert [
                path for path in (desk.data_dir / "cache").rglob("*") if path.is_file() and path.stat().st_size > 4096
            ] == []
