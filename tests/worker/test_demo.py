"""``deskrun demo``: the cut it makes, and the whole of it as a newcomer runs it."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from schemas.timelines import Timeline, Track, asset_id_of
from tests.support.command_line import CommandLine, interrupt, wait_for_file, wait_until_gone
from tests.support.media import MediaShelf, media
from worker.demo.cut import compose, total_frames
from worker.demo.media import DemoMedia
from worker.render.probe import Media, probe_media, read_media

__all__ = ["media"]

DATA = Path("deskrun-demo") / ".desk"


@pytest.fixture
def command_line(tmp_path: Path) -> Iterator[CommandLine]:
    """Commands without a data folder of their own: the demo brings its."""
    line = CommandLine(tmp_path)
    yield line
    wait_until_gone(tmp_path)


class Cutting:
    """Composes cuts of real files."""

    def __init__(self, media: MediaShelf) -> None:
        self.clip = read_media(media.clip("red", seconds=4))
        self.other = read_media(media.clip("blue", seconds=4))
        self.short = read_media(media.clip("lime", seconds=1))
        self.still = read_media(media.still("navy"))
        self.ring = read_media(media.still("white@0.5"))
        self.music = read_media(media.sound(seconds=5))

    def cut(self, *pictures: Media) -> Timeline:
        media = DemoMedia(pictures, self.ring, self.music)
        return Timeline.model_validate(compose(media, {path: path.stem.replace(".", "_") for path in media.paths}))


@pytest.fixture(scope="module")
def cutting(media: MediaShelf) -> Cutting:
    return Cutting(media)


def tracks(cut: Timeline) -> dict[str, list[str]]:
    """Each track's name and the kinds of its items."""
    return {
        track.name or "": [item.OTIO_SCHEMA.partition(".")[0] for item in track.children]
        for track in cut.tracks.children
        if isinstance(track, Track)
    }


def test_the_cut_has_dissolves_an_overlay_and_music(cutting: Cutting) -> None:
    cut = cutting.cut(cutting.clip, cutting.other)
    dissolved = ["Clip", "Transition", "Clip"]
    # Five seconds of music are played twice, for six seconds of pictures.
    assert tracks(cut) == {"V1": dissolved, "V2": ["Gap", "Clip"], "A1": dissolved, "A2": ["Clip", "Clip"]}
    assert total_frames(cut.model_dump()) == 180
    used = {asset_id_of(clip.active_reference) for _, clip in cut.clips() if clip.active_reference}
    assert len(used) == 4


def test_a_shot_too_short_for_a_dissolve_is_cut_hard(cutting: Cutting) -> None:
    assert tracks(cutting.cut(cutting.clip, cutting.short))["V1"] == ["Clip", "Clip"]


def test_pictures_without_sound_leave_a_gap_in_theirs(cutting: Cutting) -> None:
    cut = tracks(cutting.cut(cutting.clip, cutting.still, cutting.other))
    assert cut["V1"] == ["Clip", "Transition", "Clip", "Transition", "Clip"]
    assert cut["A1"] == ["Clip", "Gap", "Clip"]
    assert list(tracks(cutting.cut(cutting.still))) == ["V1", "V2", "A2"]


def test_a_newcomer_sees_it_work_twice_while_the_default_port_is_taken(command_line: CommandLine) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):  # somebody has it: as good
            taken.bind(("127.0.0.1", 8787))
        first = command_line.ok("demo")
        second = command_line.ok("demo", "--json")
    path = command_line.folder / "deskrun-demo" / "demo.mp4"
    assert f"\n{path}\n" in first.out
    for words in ("encoded just now", "5 uploaded by signed URL", "queued: ", "claimed by", "webhook completed"):
        assert words in first.out
    assert "rendering, frame" in first.err
    assert re.search(r"uploading → completed +worker [0-9a-f]{8}$", first.out, re.MULTILINE)

    result = second.document
    probe = probe_media(path)
    assert result["path"] == str(path)
    assert result["media"] == probe.model_dump(mode="json")
    assert probe.duration_seconds == pytest.approx(9, abs=0.05)
    assert {stream.codec for stream in probe.streams} == {"h264", "aac"}
    steps = [event["to_status"] for event in result["job"]["events"]]
    assert steps == ["pending", "queued", "processing", "uploading", "completed"]
    assert "100 %  completed" in second.err
    assert "uploaded" not in second.err


def test_it_takes_a_person_s_own_media(command_line: CommandLine, media: MediaShelf) -> None:
    own = command_line.folder / "own"
    own.mkdir()
    for each in (media.clip("red"), media.still("blue"), media.sound()):
        (own / each.name).write_bytes(each.read_bytes())
    (own / "notes.txt").write_text("not media")
    (own / "list.m3u8").write_text("#EXTM3U\nred.mp4\n")
    (own / "empty.mp4").touch()
    result = command_line.ok("demo", "--media", "own", "--json").document
    assert result["media"]["duration_seconds"] == pytest.approx(5, abs=0.05)


def test_a_folder_without_media_is_said(command_line: CommandLine) -> None:
    (command_line.folder / "notes.txt").write_text("not media")
    done = command_line.run("demo", "--media", ".")
    assert done.code == 1
    assert "no video and no picture" in done.err
    assert command_line.run("demo", "--media", "nowhere").code == 2


def test_ctrl_c_ends_everything_and_the_next_run_is_not_held_up(command_line: CommandLine) -> None:
    with command_line.start("demo", "--json") as child:
        wait_for_file(command_line.folder / DATA / "logs" / "worker.log", lambda text: '"rendering"' in text)
        done = interrupt(child)
    assert done.code == 130
    wait_until_gone(command_line.folder)
    record = json.loads((command_line.folder / DATA / "up.json").read_text())
    assert record["children"] == []
    assert command_line.ok("demo", "--json").document["job"]["attempt"] == 1
