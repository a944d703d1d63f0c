"""``deskrun render --watch``: save the timeline or its media, and the output follows; a broken save changes nothing."""

import json
from pathlib import Path

import pytest

from tests.support.command_line import CommandLine, interrupt, timeline
from tests.support.media import MediaShelf
from tests.support.processes import wait_for
from worker.render.probe import probe_media

QUICK = {"name": "quick", "video": {"preset": "ultrafast", "crf": 30}, "audio": {"bitrate": "64k"}}


@pytest.fixture
def film(command_line: CommandLine, media: MediaShelf) -> Path:
    folder = command_line.folder / "film"
    folder.mkdir()
    (folder / "clip.mp4").write_bytes(media.clip("red").read_bytes())
    (command_line.folder / "quick.json").write_text(json.dumps(QUICK))
    path = folder / "film.otio"
    path.write_text(json.dumps(timeline("clip.mp4", frames=30)))
    return path


def save(path: Path, text: str) -> None:
    """As editors do: beside, then in its place."""
    beside = path.with_name("beside")
    beside.write_text(text)
    beside.replace(path)


def test_every_save_is_rendered_and_the_output_is_whole_at_any_time(
    command_line: CommandLine, film: Path, media: MediaShelf
) -> None:
    out = command_line.folder / "out.mp4"

    def lasts(seconds: float) -> bool:
        return out.exists() and abs((probe_media(out).duration_seconds or 0) - seconds) < 0.05

    with command_line.start("render", film, "--watch", "--preset", "quick.json", "-o", out) as child:
        wait_for("the first render", lambda: lasts(1))
        save(film, json.dumps(timeline("clip.mp4", frames=45)))
        wait_for("the longer film", lambda: lasts(1.5))
        before = out.read_bytes()
        (film.parent / "clip.mp4").write_bytes(media.clip("green").read_bytes())
        wait_for("the other picture", lambda: out.read_bytes() != before)
        assert lasts(1.5)
        before = out.read_bytes()
        save(film, "{ half a timeline")
        assert child.stderr is not None
        while "neither a render manifest nor" not in child.stderr.readline():
            assert child.poll() is None
        assert out.read_bytes() == before
        save(film, json.dumps(timeline("clip.mp4", frames=20)))
        wait_for("the mended film", lambda: lasts(20 / 30))
        done = interrupt(child)
    assert done.code == 130
    assert not [path for path in command_line.folder.iterdir() if path.name.startswith("out.mp4.")]
