"""Black and silence are noticed where the media has a picture and sound, and let pass where it has none."""

import asyncio
import stat
from pathlib import Path

import pytest

from tests.worker.render.cuts import clip, generator, manifest, timeline, track
from tests.worker.render.desk import USUAL, EngineDesk
from worker.render.engine import render
from worker.render.errors import RenderError
from worker.render.ffmpeg import Ffmpeg

PAINT_BLACK = r"s/\[picture\]/,lutyuv=y=16:u=128:v=128[picture]/"
MUTE = r"s/\[sound\]anull/\[sound\]volume=0/"


def failing_softly(desk: EngineDesk, edit: str) -> Ffmpeg:
    """An ffmpeg that does what it is told with a changed filter script, and says that all is well."""
    path = desk.folder / "soft"
    path.write_text(
        f"#!/bin/sh\n[ -f graph.txt ] && sed -i '{edit}' graph.txt\nexec '{desk.media.ffmpeg.path}' \"$@\"\n"
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return Ffmpeg(path, desk.media.ffmpeg.version, "setting")


def render_with(desk: EngineDesk, ffmpeg: Ffmpeg, source: Path | dict[str, object]) -> None:
    asyncio.run(
        render(
            manifest(timeline(track(clip(source, 0, 40))), preset=USUAL),
            output=desk.folder / "out.mp4",
            roots=[desk.media.folder],
            ffmpeg=ffmpeg,
            on_update=desk.updates.append,
            cache=desk.cache,
        )
    )


@pytest.mark.parametrize(("edit", "words"), [(PAINT_BLACK, "picture is black"), (MUTE, "sound is silent")])
def test_what_the_media_has_and_the_output_has_not_is_a_failure(desk: EngineDesk, edit: str, words: str) -> None:
    with pytest.raises(RenderError, match=words) as caught:
        render_with(desk, failing_softly(desk, edit), desk.media.clip("red"))
    assert caught.value.code == "check_failed"
    assert not (desk.folder / "out.mp4").exists()


@pytest.mark.parametrize("edit", [PAINT_BLACK, MUTE])
def test_media_that_is_black_and_silent_may_be_so(desk: EngineDesk, edit: str) -> None:
    render_with(desk, failing_softly(desk, edit), desk.media.clip("black", hertz=None))


def test_a_black_generator_is_as_wanted(desk: EngineDesk) -> None:
    render_with(desk, desk.media.ffmpeg, generator("Slug"))
