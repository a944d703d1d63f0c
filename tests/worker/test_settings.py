import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from worker.settings import Settings, settings_file

README = Path(__file__).resolve().parents[2] / "worker" / "README.md"


@pytest.fixture(autouse=True)
def config_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    settings_file().parent.mkdir(parents=True, exist_ok=True)


def test_an_argument_wins_over_the_environment_over_the_file_over_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().slots == 1
    settings_file().write_text("slots = 2\n")
    assert Settings().slots == 2
    monkeypatch.setenv("DESKRUN_SLOTS", "3")
    assert Settings().slots == 3
    assert Settings(slots=4).slots == 4


def test_a_misspelt_setting_in_the_file_is_refused() -> None:
    settings_file().write_text("sltos = 2\n")
    with pytest.raises(ValidationError, match="sltos"):
        Settings()


def test_override_folders_come_as_a_list_or_separated_as_in_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESKRUN_OVERRIDE_DIRS", os.pathsep.join(["/a", "/b"]))
    assert Settings().override_dirs == [Path("/a"), Path("/b")]
    assert Settings(override_dirs=["/c"]).override_dirs == [Path("/c")]


def test_ffmpeg_is_also_known_by_the_name_of_the_seed_document(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RENDER_FFMPEG", "/seed")
    assert Settings().ffmpeg == Path("/seed")
    monkeypatch.setenv("DESKRUN_FFMPEG", "/ours")
    assert Settings().ffmpeg == Path("/ours")
    settings_file().write_text('ffmpeg = "/file"\n')
    assert Settings().ffmpeg == Path("/ours")


def test_sizes_can_be_written_for_people() -> None:
    settings_file().write_text('cache_max_bytes = "2GiB"\n')
    assert Settings().cache_max_bytes == 2 * 1024**3


def test_the_home_folder_and_relative_folders_are_resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings(data_dir="~/x").data_dir == tmp_path / "x"
    assert Settings(data_dir="y").data_dir == tmp_path / "y"


def test_the_token_never_shows_itself() -> None:
    assert "hush" not in repr(Settings(token="hush"))


@pytest.mark.parametrize("url", ["ftp://host", "host:8787", "http://host/?q=1"])
def test_only_plain_http_addresses_are_taken(url: str) -> None:
    with pytest.raises(ValidationError):
        Settings(control_plane_url=url)


def test_every_setting_is_in_the_readme() -> None:
    text = README.read_text()
    assert [name for name in Settings.model_fields if f"`{name}`" not in text] == []
