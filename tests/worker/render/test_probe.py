"""What a media file is seen to be."""

import pytest

from tests.support.media import MediaShelf
from worker.render.probe import probe_media, read_media


def test_a_clip(media: MediaShelf) -> None:
    probe = probe_media(media.clip("red", rate="30000/1001"))
    assert "mp4" in probe.container
    assert probe.duration_seconds == pytest.approx(2, abs=0.04)
    picture, sound = probe.streams
    assert (picture.kind, picture.codec, picture.width, picture.height) == ("video", "h264", 160, 90)
    assert picture.frame_rate == pytest.approx(30000 / 1001)
    assert (sound.kind, sound.codec, sound.sample_rate, sound.channels) == ("audio", "aac", 48000, 1)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tiff", ".webp"])
def test_a_still_has_no_duration(media: MediaShelf, suffix: str) -> None:
    still = media.still("red", suffix=suffix)
    assert probe_media(still).duration_seconds is None
    assert read_media(still).duration is None


def test_a_sound(media: MediaShelf) -> None:
    probe = probe_media(media.sound(seconds=2))
    assert probe.duration_seconds == pytest.approx(2)
    assert [stream.kind for stream in probe.streams] == ["audio"]


def test_a_file_without_a_duration_in_its_header_is_measured(media: MediaShelf) -> None:
    """Browsers record such files."""
    path = media.folder / "live.webm"
    if not path.exists():
        media.run(
            [
                "-i",
                str(media.numbered(seconds=2)),
                "-t",
                "1",
                "-c:v",
                "libvpx",
                "-an",
                "-f",
                "webm",
                "-live",
                "1",
                str(path),
            ]
        )
    assert probe_media(path).duration_seconds == pytest.approx(1, abs=0.05)


def test_odd_pixels_and_cover_pictures(media: MediaShelf) -> None:
    wide = media.folder / "wide.mp4"
    media.run(["-i", str(media.clip("red")), "-vf", "setsar=2", "-c:v", "libx264", str(wide)])
    picture = read_media(wide).picture
    assert picture is not None
    assert (picture.width, picture.height) == (320, 90)
    song = media.folder / "song.mp3"
    cover = ["-map", "0:a", "-map", "1:v", "-disposition:v", "attached_pic", "-c:v", "mjpeg"]
    media.run(["-i", str(media.sound()), "-i", str(media.still("red")), *cover, str(song)])
    assert read_media(song).picture is None
