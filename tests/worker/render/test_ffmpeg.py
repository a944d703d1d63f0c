"""Finding an ffmpeg and asking what it can do."""

from pathlib import Path

import pytest

from tests.support.media import MediaShelf
from worker.render.errors import RenderError
from worker.render.ffmpeg import Ffmpeg, encoder_problem, find_ffmpeg, working_encoders


def test_the_wheel_brings_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IMAGEIO_FFMPEG_EXE", raising=False)
    found = find_ffmpeg()
    assert found.source == "wheel"
    assert found.path.is_file()
    assert found.version


def test_the_setting_wins(media: MediaShelf, tmp_path: Path) -> None:
    named = tmp_path / "my-ffmpeg"
    named.symlink_to(media.ffmpeg.path)
    assert find_ffmpeg(named) == Ffmpeg(named, media.ffmpeg.version, "setting")


@pytest.mark.parametrize("content", [None, "#!/bin/sh\nexit 3\n", "#!/bin/sh\necho some other program\n"])
def test_what_is_no_ffmpeg_is_refused_with_advice(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ffmpeg"
    if content is not None:
        path.write_text(content)
        path.chmod(0o755)
    with pytest.raises(RenderError) as caught:
        find_ffmpeg(path)
    assert caught.value.code == "ffmpeg_missing"
    assert caught.value.hint


def test_the_one_on_the_path_is_the_machine_s(
    media: MediaShelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ffmpeg").symlink_to(media.ffmpeg.path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "ffmpeg")
    assert find_ffmpeg() == Ffmpeg(tmp_path / "ffmpeg", media.ffmpeg.version, "system")


@pytest.mark.parametrize(
    ("version", "major"), [("n9.0.2-17-g2a571b6068", 9), ("5.1.9-0+deb12u1", 5), ("N-117000-gabc", None), ("7.1", 7)]
)
def test_releases_are_told_from_development_builds(version: str, major: int | None) -> None:
    assert Ffmpeg(Path("ffmpeg"), version, "system").major == major


def test_encoders_are_believed_only_after_they_encoded(media: MediaShelf) -> None:
    encoders = working_encoders(media.ffmpeg)
    assert {name: encoders[name] for name in ("libx264", "libx265", "prores_ks", "libvpx-vp9", "aac", "libopus")} == (
        dict.fromkeys(("libx264", "libx265", "prores_ks", "libvpx-vp9", "aac", "libopus"))
    )
    assert encoder_problem(media.ffmpeg, "no_such_encoder")
