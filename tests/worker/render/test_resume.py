"""A render that is killed, cancelled or held goes on where it was."""

import asyncio
import subprocess
import sys
import time as clock
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from schemas.presets import RenderPreset, VideoSettings
from tests.worker.render.cuts import Node, clip, generator, manifest, timeline, track
from tests.worker.render.desk import EngineDesk
from worker.render.cache import SegmentCache
from worker.render.engine import render
from worker.render.process import Pause

STEADY = RenderPreset(name="steady", video=VideoSettings(width=640, height=360, preset="medium"))
CLIPS = 8


def long_cut() -> Node:
    return timeline(track(*(clip(generator("SolidColor", color=f"#{n}0{n}080"), 0, 150) for n in range(CLIPS))))


def wait_until(condition: Callable[[], object], seconds: float = 60) -> None:
    end = clock.monotonic() + seconds
    while not condition():
        assert clock.monotonic() < end, "waited too long"
        clock.sleep(0.01)


PROGRAM = """
import asyncio, sys
from pathlib import Path
from schemas.renders import RenderManifest
from worker.render.cache import SegmentCache
from worker.render.engine import render
from worker.render.ffmpeg import find_ffmpeg
folder = Path(sys.argv[1])
manifest = RenderManifest.model_validate_json((folder / "manifest.json").read_bytes())
asyncio.run(render(manifest, output=folder / "out.mp4", roots=[folder], ffmpeg=find_ffmpeg(), threads=2,
                   on_update=lambda update: None, cache=SegmentCache(folder / "cache")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_kill_minus_nine_loses_at_most_the_piece_that_was_being_made(desk: EngineDesk) -> None:
    (desk.folder / "manifest.json").write_text(manifest(long_cut(), preset=STEADY).model_dump_json())
    command = [sys.executable, "-c", PROGRAM, str(desk.folder)]

    lives = 0
    while not (desk.folder / "out.mp4").exists():
        before, lives = len(desk.pieces()), lives + 1
        with subprocess.Popen(command, cwd=Path(__file__).parents[3]) as process:
            enough = before + 2
            while len(desk.pieces()) < enough and process.poll() is None:
                clock.sleep(0.01)
            process.kill()
        # Every life adds what it finished, and no later one makes it again.
        assert len(desk.pieces()) >= before + 2 or (desk.folder / "out.mp4").exists()
        assert lives <= CLIPS
    assert lives > 1
    killed = (desk.folder / "out.mp4").read_bytes()
    desk.cache = SegmentCache(desk.folder / "fresh")
    assert desk.render(long_cut(), preset=STEADY).read_bytes() == killed


def start(desk: EngineDesk, pause: Pause | None = None) -> "asyncio.Task[object]":
    return asyncio.create_task(
        render(
            manifest(long_cut(), preset=STEADY),
            output=desk.folder / "out.mp4",
            roots=[desk.media.folder],
            ffmpeg=desk.media.ffmpeg,
            on_update=desk.updates.append,
            threads=2,
            cache=desk.cache,
            pause=pause,
        )
    )


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - what is waited for is on the disk or in another process
            await asyncio.sleep(0.01)


def test_a_cancelled_render_keeps_what_is_finished(desk: EngineDesk) -> None:
    async def cancel_after_some() -> None:
        task = start(desk)
        await until(lambda: len(desk.pieces()) >= 3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel_after_some())
    assert not [path for path in desk.folder.iterdir() if path.name.startswith("out")]
    desk.render(long_cut(), preset=STEADY)
    assert desk.encoded_frames <= 150 * (CLIPS - 2)


def is_at_rest(child: psutil.Process) -> bool:
    """Whether it is no encoder at work; other tests may have left the suite's servers among our children."""
    try:
        busy = child.status() not in {psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE}
        return not (busy and child.name().startswith("ffmpeg"))
    except psutil.NoSuchProcess:
        return True


def test_a_held_render_stands_still_and_goes_on(desk: EngineDesk) -> None:
    async def hold_for_a_while() -> None:
        pause = Pause()
        task = start(desk, pause)
        await until(lambda: desk.updates and desk.updates[-1].frames_done > 0)
        pause.hold()
        assert pause.held
        await until(lambda: all(is_at_rest(child) for child in psutil.Process().children()))
        done = len(desk.pieces())
        await asyncio.sleep(0.5)
        assert len(desk.pieces()) <= done + 1  # one may just have been finished
        pause.go_on()
        await task

    asyncio.run(hold_for_a_while())
    assert (desk.folder / "out.mp4").exists()


def test_a_held_render_can_be_cancelled(desk: EngineDesk) -> None:
    async def cancel_while_held() -> None:
        pause = Pause()
        task = start(desk, pause)
        await until(lambda: desk.updates and desk.updates[-1].frames_done > 0)
        pause.hold()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 20)

    asyncio.run(cancel_while_held())
    assert not [child for child in psutil.Process().children() if "ffmpeg" in child.name()]
