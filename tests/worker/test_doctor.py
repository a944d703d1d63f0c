"""``deskrun doctor``: the table follows what the machine can really do."""

import asyncio
import gc
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_line import CommandLine
from tests.support.processes import TOKEN, ControlPlaneProcess
from worker.doctor import Check, Verdict, can_render, examine
from worker.settings import Settings

# The docker package leaves the socket of a connection that failed to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def collect_sockets() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[ControlPlaneProcess]:
    with ControlPlaneProcess(tmp_path / "control-plane") as process:
        yield process


def checks_of(tmp_path: Path, **explicit: object) -> dict[str, Check]:
    settings = Settings(**{"data_dir": tmp_path / "data", **explicit})  # type: ignore[arg-type]
    return {check.name: check for check in asyncio.run(examine(settings))}


def test_this_machine_can_render(tmp_path: Path) -> None:
    checks = checks_of(tmp_path)
    assert can_render(list(checks.values()))
    assert checks["ffmpeg"].facts["source"] in {"wheel", "system"}
    assert checks["encoders"].facts["encoders"]["libx264"] is None
    assert "h264" in checks["encoders"].found
    assert not (tmp_path / "data").exists()


def test_everything_that_is_not_well_says_what_to_do(tmp_path: Path) -> None:
    checks = checks_of(tmp_path, override_dirs=[tmp_path / "not mounted"])
    assert checks["override folder"].verdict is Verdict.WARNING
    assert all(check.advice for check in checks.values() if check.verdict is not Verdict.OK)


def test_without_ffmpeg_it_cannot(tmp_path: Path) -> None:
    checks = checks_of(tmp_path, ffmpeg=tmp_path / "no-ffmpeg")
    assert checks["ffmpeg"].verdict is Verdict.FAILED
    assert not can_render(list(checks.values()))


def test_an_ffmpeg_that_lists_encoders_but_cannot_encode_is_found_out(tmp_path: Path) -> None:
    fake = tmp_path / "ffmpeg"
    fake.write_text(
        f"#!{sys.executable}\nimport sys\nprint('ffmpeg version 9.9')\nsys.exit('-version' not in sys.argv)\n"
    )
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    checks = checks_of(tmp_path, ffmpeg=fake)
    assert checks["ffmpeg"].found == f"9.9 (set to {fake})"
    assert checks["encoders"].verdict is Verdict.FAILED
    assert not can_render(list(checks.values()))


def test_a_data_folder_that_cannot_be_is_found_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    checks = checks_of(tmp_path, data_dir=tmp_path / "file" / "data")
    assert checks["data folder"].verdict is Verdict.FAILED


def test_a_control_plane_that_answers(tmp_path: Path, plane: ControlPlaneProcess) -> None:
    check = checks_of(tmp_path, control_plane_url=plane.url, token=TOKEN)["control plane"]
    assert check.verdict is Verdict.OK
    assert abs(check.facts["clock_ahead_seconds"]) < 60


def test_a_control_plane_that_refuses_the_token(tmp_path: Path, plane: ControlPlaneProcess) -> None:
    check = checks_of(tmp_path, control_plane_url=plane.url, token="wrong")["control plane"]
    assert check.verdict is Verdict.WARNING
    assert "login" in (check.advice or "")


def test_a_control_plane_that_is_not_there_does_not_stop_rendering(tmp_path: Path, plane: ControlPlaneProcess) -> None:
    plane.kill()
    checks = checks_of(tmp_path, control_plane_url=plane.url, token=TOKEN)
    assert checks["control plane"].verdict is Verdict.WARNING
    assert "does not answer" in checks["control plane"].found
    assert can_render(list(checks.values()))


def test_the_command_prints_a_table_or_json_and_its_exit_code_tells(command_line: CommandLine) -> None:
    table = command_line.ok("doctor")
    assert "This machine can render." in table.out
    assert command_line.ok("doctor", "--json").document["can_render"] is True
    command_line.settings["DESKRUN_FFMPEG"] = "/no/such/ffmpeg"
    broken = command_line.run("doctor", "--json")
    assert broken.code == 1
    assert broken.document["can_render"] is False
    named = {check["name"]: check for check in broken.document["checks"]}
    assert named["ffmpeg"]["verdict"] == "failed"
    assert named["ffmpeg"]["advice"]


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)
