import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from schemas.renders import AssetIntegrity
from tests.support.processes import wait_for
from worker.assets.overrides import Overrides
from worker.checksums import checksum_file

# watchdog 7.1 notices twice that a nested folder is new, and says so from a thread of its own; nothing is lost by it.
pytestmark = pytest.mark.filterwarnings("ignore:Callback with id:RuntimeWarning")

BYTES = b"the real thing" * 1000


@pytest.fixture
def wanted(tmp_path: Path) -> AssetIntegrity:
    path = tmp_path / "original"
    path.write_bytes(BYTES)
    sums = checksum_file(path)
    return AssetIntegrity(size_bytes=sums.size_bytes, crc32c=sums.crc32c, sha256=sums.sha256)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    return tmp_path / "mine"


@pytest.fixture
def overrides(folder: Path) -> Iterator[Overrides]:
    (folder / "sub").mkdir()
    (folder / "sub" / "early.mov").write_bytes(b"early")
    watched = Overrides([folder])
    watched.start()
    yield watched
    watched.stop()


def write(path: Path, data: bytes = BYTES) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def found(overrides: Overrides, path: Path | None, wanted: AssetIntegrity, asset_id: str = "a1") -> None:
    wait_for(f"{path} to be the answer", lambda: overrides.find(asset_id, wanted) == path)


@pytest.mark.parametrize("name", ["a1", "a1.mp4", "a1/clip.mov", "deep/down/a1.mov", "any name at all.bin"])
def test_a_file_that_is_the_asset_is_found(
    overrides: Overrides, folder: Path, wanted: AssetIntegrity, name: str
) -> None:
    found(overrides, write(folder / name), wanted)


def test_files_from_before_the_start_are_known(overrides: Overrides, folder: Path) -> None:
    assert overrides.find("early", AssetIntegrity()) == folder / "sub" / "early.mov"


def gone(path: Path) -> None:
    path.unlink()


def renamed(path: Path) -> None:
    path.rename(path.with_name("out-of-the-way"))


def moved_away(path: Path) -> None:
    path.rename(path.parents[1] / "elsewhere")


def changed(path: Path) -> None:
    path.write_bytes(b"x" + BYTES[1:])


@pytest.mark.parametrize("change", [gone, moved_away, changed])
def test_a_file_that_goes_or_changes_is_forgotten_without_a_rescan(
    overrides: Overrides, folder: Path, wanted: AssetIntegrity, change: Callable[[Path], None]
) -> None:
    path = write(folder / "a1.mp4")
    found(overrides, path, wanted)
    change(path)
    found(overrides, None, wanted)


def test_a_renamed_file_is_still_known_by_its_content(
    overrides: Overrides, folder: Path, wanted: AssetIntegrity
) -> None:
    renamed(write(folder / "a1.mp4"))
    found(overrides, folder / "out-of-the-way", wanted)


def test_a_folder_that_arrives_or_goes_brings_and_takes_its_files(
    overrides: Overrides, folder: Path, tmp_path: Path, wanted: AssetIntegrity
) -> None:
    write(tmp_path / "prepared" / "in" / "here.mp4")
    (tmp_path / "prepared").rename(folder / "arrived")
    found(overrides, folder / "arrived" / "in" / "here.mp4", wanted)
    (folder / "arrived").rename(folder / "moved")
    found(overrides, folder / "moved" / "in" / "here.mp4", wanted)
    shutil.rmtree(folder / "moved")
    found(overrides, None, wanted)
    wait_for("an index without ghosts", lambda: not any("here" in path.name for path in overrides._sizes))


def test_a_file_that_bears_the_id_but_is_another_is_refused_with_the_reason(
    overrides: Overrides, folder: Path, wanted: AssetIntegrity, caplog: pytest.LogCaptureFixture
) -> None:
    write(folder / "a1.mp4", b"something else")
    right = write(folder / "z.mp4")
    found(overrides, right, wanted)
    (record, *_) = [r for r in caplog.records if getattr(r, "event", "") == "override_ignored"]
    assert record.__dict__["facts"]["reason"] == f"size is 14, not {len(BYTES)} bytes"


def test_without_checksums_only_the_id_decides(overrides: Overrides, folder: Path) -> None:
    write(folder / "other.mp4")
    assert overrides.find("a1", AssetIntegrity(size_bytes=len(BYTES))) is None
    path = write(folder / "a1.mp4")
    found(overrides, path, AssetIntegrity(size_bytes=len(BYTES)))


def test_a_link_must_not_lead_out_of_the_folders(
    overrides: Overrides, folder: Path, tmp_path: Path, wanted: AssetIntegrity
) -> None:
    (folder / "a1.mp4").symlink_to(write(tmp_path / "secret.mp4"))
    wait_for("the link", lambda: folder / "a1.mp4" in overrides._sizes)
    assert overrides.find("a1", wanted) is None
    (folder / "a2.mp4").symlink_to(write(folder / "inside.mp4"))
    found(overrides, folder / "inside.mp4", wanted, "a2")


def test_a_folder_that_does_not_exist_is_told_and_left_out(
    folder: Path, tmp_path: Path, wanted: AssetIntegrity, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(folder / "a1.mp4")
    overrides = Overrides([tmp_path / "nowhere", folder])
    overrides.start()
    try:
        found(overrides, path, wanted)
    finally:
        overrides.stop()
    assert next(record.__dict__["event"] for record in caplog.records) == "overrides_unwatched"
