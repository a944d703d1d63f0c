"""``deskrun render``: offline, with real ffmpeg and real media."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import CommandLine, interrupt, timeline
from tests.support.media import MediaShelf
from tests.support.processes import wait_for
from worker.checksums import checksum_file
from worker.render.probe import probe_media

QUICK = {"name": "quick", "video": {"preset": "ultrafast", "crf": 30}, "audio": {"bitrate": "64k"}}
SLOW = {"name": "slow", "video": {"width": 1920, "height": 1080, "crf": 10, "preset": "veryslow"}}


@pytest.fixture
def film(command_line: CommandLine, media: MediaShelf) -> Path:
    """``film/film.otio``, whose two clips lie in ``film/media``."""
    folder = command_line.folder / "film"
    (folder / "media").mkdir(parents=True)
    for color in ("red", "blue"):
        (folder / "media" / f"{color} clip.mp4").write_bytes(media.clip(color).read_bytes())
    (command_line.folder / "quick.json").write_text(json.dumps(QUICK))
    (command_line.folder / "slow.json").write_text(json.dumps(SLOW))
    return write(folder / "film.otio", timeline("media/red clip.mp4", "media/blue%20clip.mp4"))


def write(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document))
    return path


def manifest(**changes: Any) -> dict[str, Any]:
    return {
        "job_id": "local:test",
        "project_id": "p1",
        "timeline": timeline("asset:a1"),
        "asset_map": {"a1": "gs://bucket/p1/assets/a1.mp4"},
        "preset": QUICK,
        "output_path": "p1/renders/out.mp4",
        "output_filename": "out.mp4",
        **changes,
    }


def test_a_timeline_with_relative_media_becomes_a_video(command_line: CommandLine, film: Path) -> None:
    done = command_line.ok("render", film, "--preset", "quick.json", "-o", "out.mp4", "--json")
    result = done.document
    path = command_line.folder / "out.mp4"
    assert result["path"] == str(path)
    assert result["frame_count"] == 60
    assert result["size_bytes"] == path.stat().st_size
    assert result["sha256"] == checksum_file(path).sha256
    assert probe_media(path).duration_seconds == pytest.approx(2, abs=0.05)
    assert "rendering 100 %" in done.err


def test_people_are_told_path_duration_codec_and_size(command_line: CommandLine, film: Path) -> None:
    out = command_line.ok("render", film, "--preset", "quick.json", "-o", film.parent).out
    first, second = out.splitlines()
    assert first == str(film.parent / "film.mp4")
    assert second.startswith("2.0 s · 60 frames · h264 · ")


def test_a_range_of_frames(command_line: CommandLine, film: Path) -> None:
    options = ("--preset", "quick.json", "--start-frame", "10", "--end-frame", "25", "--json")
    assert command_line.ok("render", film, *options).document["frame_count"] == 15


def test_an_empty_range_is_refused(command_line: CommandLine, film: Path) -> None:
    done = command_line.run("render", film, "--start-frame", "10", "--end-frame", "5")
    assert done.code == 1
    assert "end_frame must be greater than start_frame" in done.err


def test_nothing_is_overwritten_without_force(command_line: CommandLine, film: Path) -> None:
    out = command_line.folder / "out.mp4"
    out.write_text("mine")
    done = command_line.run("render", film, "--preset", "quick.json", "-o", out)
    assert done.code == 1
    assert "--force" in done.err
    assert out.read_text() == "mine"
    command_line.ok("render", film, "--preset", "quick.json", "-o", out, "--force")
    assert probe_media(out).duration_seconds == pytest.approx(2, abs=0.05)


def test_a_built_in_preset_by_the_beginning_of_its_name(command_line: CommandLine, film: Path) -> None:
    options = ("--preset", "prores", "--end-frame", "3", "--json")
    result = command_line.ok("render", film, *options).document
    assert result["video_codec"] == "prores"
    assert result["path"].endswith("film.mov")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--preset", "nonsense"], "Draft Preview"),
        (["--preset", "film/film.otio.json"], "film.otio.json"),
        (["--preset", "prores", "-o", "out.mp4"], "-o out.mov"),
        (["--asset", "a1"], "ID=PATH"),
        (["--asset", "a1=nowhere.mp4"], "nowhere.mp4"),
        (["--allow", "nowhere"], "nowhere"),
        (["-o", "nowhere/out.mp4"], "nowhere"),
    ],
)
def test_wrong_options_say_what_is_right(command_line: CommandLine, film: Path, options: list[str], words: str) -> None:
    done = command_line.run("render", film, *options)
    assert done.code in {1, 2}
    assert words in done.err


def test_a_preset_file_that_is_none_is_refused_with_the_place(command_line: CommandLine, film: Path) -> None:
    write(command_line.folder / "bad.json", {"name": "bad", "video": {"crf": 99}})
    done = command_line.run("render", film, "--preset", "bad.json")
    assert done.code == 2
    assert "video.crf" in done.err


def test_missing_media_is_named_with_its_place(command_line: CommandLine, film: Path) -> None:
    write(film, timeline("media/red clip.mp4", "media/gone.mp4"))
    done = command_line.run("render", film)
    assert done.code == 1
    assert "gone.mp4" in done.err
    assert "/tracks/children/0/children/1" in done.err


def test_several_problems_are_listed_line_by_line(command_line: CommandLine, film: Path) -> None:
    write(film, timeline("asset:one", "asset:two"))
    done = command_line.run("render", film)
    assert "2 things are wrong" in done.err
    assert "one" in done.err
    assert "two" in done.err


def test_media_outside_the_allowed_folders_needs_allow(
    command_line: CommandLine, film: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    clip = elsewhere / "clip.mp4"
    (film.parent / "media" / "red clip.mp4").rename(clip)
    write(film, timeline(clip.as_uri()))
    refused = command_line.run("render", film, "--preset", "quick.json")
    assert refused.code == 1
    assert "--allow" in refused.err
    command_line.ok("render", film, "--preset", "quick.json", "--allow", elsewhere)


def test_a_link_out_of_the_folder_is_refused(
    command_line: CommandLine, film: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    clip = film.parent / "media" / "red clip.mp4"
    clip.rename(moved := tmp_path_factory.mktemp("elsewhere") / "clip.mp4")
    clip.symlink_to(moved)
    assert command_line.run("render", film).code == 1


def test_a_manifest_with_its_assets_given(command_line: CommandLine, film: Path) -> None:
    file = write(command_line.folder / "manifest.json", manifest())
    missing = command_line.run("render", file, "-o", "out.mp4")
    assert missing.code == 1
    assert "--asset a1=PATH" in missing.err
    given = f"a1={film.parent / 'media' / 'red clip.mp4'}"
    assert command_line.ok("render", file, "--asset", given, "--json").document["frame_count"] == 30


def test_a_manifest_whose_asset_changed_is_refused_unless_the_file_is_given(
    command_line: CommandLine, film: Path
) -> None:
    clip = film.parent / "media" / "red clip.mp4"
    stated = {"a1": {"size_bytes": clip.stat().st_size, "crc32c": checksum_file(clip).crc32c}}
    file = write(
        command_line.folder / "manifest.json",
        manifest(asset_map={"a1": "film/media/red clip.mp4"}, asset_integrity=stated),
    )
    command_line.ok("render", file, "-o", "out.mp4")
    clip.write_bytes((film.parent / "media" / "blue clip.mp4").read_bytes())
    refused = command_line.run("render", file, "-o", "again.mp4")
    assert refused.code == 1
    assert "not the asset a1" in refused.err
    command_line.ok("render", file, "-o", "again.mp4", "--asset", f"a1={clip}")


@pytest.mark.parametrize(
    "content",
    ["no json at all", "[1, 2]", "{}", '{"OTIO_SCHEMA": "Clip.2"}', "[" * 100_000, '{"timeline": {}}'],
    ids=["text", "list", "empty", "clip", "deep", "half a manifest"],
)
def test_a_file_that_is_no_timeline_is_refused(command_line: CommandLine, content: str) -> None:
    file = command_line.folder / "film.otio"
    file.write_text(content)
    done = command_line.run("render", file)
    assert done.code == 1
    assert "film.otio" in done.err
    assert len(done.err.splitlines()) <= 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_an_interruption_leaves_nothing(command_line: CommandLine, film: Path, number: signal.Signals) -> None:
    write(film, timeline(*["media/red clip.mp4"] * 40, frames=60))
    with command_line.start("render", film, "--preset", "slow.json", "-o", "out.mp4") as child:
        wait_for("ffmpeg to write", lambda: list(command_line.folder.glob("out.mp4*")))
        done = interrupt(child, number)
    assert done.code == 130
    assert "interrupted" in done.err
    assert not list(command_line.folder.glob("out.mp4*"))
