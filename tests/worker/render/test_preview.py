"""Something to look at while the rest still renders."""

import asyncio
from pathlib import Path

import av

from tests.worker.render.cuts import Node, clip, generator, manifest, timeline, track
from tests.worker.render.desk import USUAL, EngineDesk
from tests.worker.render.look import close, look
from worker.render.engine import render
from worker.render.tally import RenderUpdate


def three(desk: EngineDesk) -> Node:
    colors = ("red", "green", "blue")
    return timeline(track(*(clip(desk.media.clip(color), 0, 45) for color in colors)))


def test_poster_beginning_and_contact_sheet(desk: EngineDesk) -> None:
    folder = desk.folder / "previews"
    folder.mkdir()
    seen_early: dict[str, int] = {}

    def watch(update: RenderUpdate) -> None:
        for name in ("poster.jpg", "preview.mp4", "contact.jpg"):
            if (folder / name).exists():
                seen_early.setdefault(name, update.frames_done)

    asyncio.run(
        render(
            manifest(three(desk), preset=USUAL),
            output=desk.folder / "out.mp4",
            roots=[desk.media.folder],
            ffmpeg=desk.media.ffmpeg,
            on_update=watch,
            cache=desk.cache,
            previews=folder,
        )
    )
    assert seen_early["poster.jpg"] < 135
    assert seen_early["preview.mp4"] < 135
    assert sorted(path.name for path in folder.iterdir()) == ["contact.jpg", "poster.jpg", "preview.mp4"]
    assert close(look(folder / "poster.jpg").at(0), (254, 0, 0), slack=24)
    beginning = look(folder / "preview.mp4")
    assert len(beginning.frames) in {45, 90}
    assert close(beginning.at(0), look(desk.folder / "out.mp4").at(0), slack=4)
    sheet = look(folder / "contact.jpg")
    assert (sheet.width, sheet.height) == (800, 360)
    assert close(sheet.at(0, 0.1, 0.1), (254, 0, 0), slack=24)
    assert close(sheet.at(0, 0.5, 0.1), (0, 0, 254), slack=24)


def test_a_preview_that_cannot_be_written_does_not_stop_the_render(desk: EngineDesk) -> None:
    nowhere = Path(desk.folder / "no" / "such" / "folder")
    cut = timeline(track(clip(generator("Slug"), 0, 30)))
    asyncio.run(
        render(
            manifest(cut, preset=USUAL),
            output=desk.folder / "out.mp4",
            roots=[desk.media.folder],
            ffmpeg=desk.media.ffmpeg,
            on_update=desk.updates.append,
            cache=desk.cache,
            previews=nowhere,
        )
    )
    with av.open(str(desk.folder / "out.mp4")) as container:
        assert container.streams.video[0].frames == 30
