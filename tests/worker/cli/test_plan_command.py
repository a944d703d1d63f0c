"""``deskrun plan``: what a render would do, before and after it was done once."""

import json
from pathlib import Path

import pytest

from tests.support.command_line import CommandLine, timeline
from tests.support.media import MediaShelf

QUICK = {"name": "quick", "video": {"preset": "ultrafast", "crf": 30}, "audio": {"bitrate": "64k"}}


@pytest.fixture
def film(command_line: CommandLine, media: MediaShelf) -> Path:
    folder = command_line.folder / "film"
    folder.mkdir()
    for color in ("red", "blue"):
        (folder / f"{color}.mp4").write_bytes(media.clip(color).read_bytes())
    (command_line.folder / "quick.json").write_text(json.dumps(QUICK))
    path = folder / "film.otio"
    path.write_text(json.dumps(timeline("red.mp4", "blue.mp4", frames=45)))
    return path


def test_a_plan_knows_what_is_cached_and_what_it_takes(command_line: CommandLine, film: Path) -> None:
    before = command_line.ok("plan", film, "--preset", "quick.json", "--json").document
    assert (before["frames"], before["frames_to_encode"], before["sound_cached"]) == (90, 90, False)
    assert before["estimate_is_measured"] is False
    assert (before["encoder"], before["encoder_why"]) == ("libx264", "the preset does not ask for hardware")
    assert [part["cached"] for part in before["segments"]] == [False, False]
    assert not list(film.parent.glob("*.mp4.*"))
    rendered = command_line.ok("render", film, "--preset", "quick.json", "-o", "out.mp4", "--json").document
    after = command_line.ok("plan", film, "--preset", "quick.json", "--json").document
    assert (after["frames_to_encode"], after["sound_cached"], after["estimate_is_measured"]) == (0, True, True)
    assert after["estimated_size_bytes"] == pytest.approx(rendered["size_bytes"], rel=0.5)
    film.write_text(json.dumps(timeline("red.mp4", "red.mp4", "blue.mp4", frames=45)))
    assert command_line.ok("plan", film, "--preset", "quick.json", "--json").document["frames_to_encode"] == 0


def test_people_read_it_as_a_table(command_line: CommandLine, film: Path) -> None:
    out = command_line.ok("plan", film, "--preset", "quick.json", "--segments").out
    assert "2, 0 of them cached; 90 frames to encode" in out
    assert "a guess" in out
    assert "encode" in out.splitlines()[-1]
    assert "in one piece" in command_line.ok("plan", film, "--preset", "maximum").out


def test_every_problem_is_shown_with_its_place(command_line: CommandLine, film: Path) -> None:
    film.write_text(json.dumps(timeline("gone.mp4", "red.mp4", "asset:nobody", frames=45)))
    done = command_line.run("plan", film, "--json")
    assert done.code == 1
    problems = done.document["problems"]
    assert [problem["pointer"] for problem in problems] == [f"/tracks/children/0/children/{n}" for n in (0, 2)]
    assert "gone.mp4" in command_line.run("plan", film).out
