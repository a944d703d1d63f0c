"""A render's life: truthful progress, cancelling, being killed, falling back, a full disk, and nothing left behind."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
import time as clock
from pathlib import Path

import psutil
import pytest

from schemas.presets import MAXIMUM_QUALITY_EXPORT, STANDARD_EXPORT, AudioSettings, RenderPreset, VideoSettings
from tests.worker.render.cuts import QUICK, Studio, clip, dissolve, generator, manifest, timeline, track
from worker.checksums import checksum_file
from worker.render.check import check_output
from worker.render.engine import RenderUpdate, render
from worker.render.errors import RenderError
from worker.render.ffmpeg import Ffmpeg
from worker.render.plan import plan
from worker.render.process import run_ffmpeg

SLOW = RenderPreset(name="slow", video=VideoSettings(width=1280, height=720, preset="veryslow"), audio=AudioSettings())


def long_cut(studio: Studio) -> dict[str, object]:
    return timeline(track(clip(generator("Bars"), 0, 30 * 600), dissolve(30, 0), clip(studio.media.numbered(), 30, 30)))


def children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children(recursive=True) if "ffmpeg" in child.name()]


def wait_until(condition: object, seconds: float = 20) -> None:
    end = clock.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert clock.monotonic() < end, "waited too long"
        clock.sleep(0.02)


def test_the_result_describes_the_file(studio: Studio) -> None:
    result = studio.render(timeline(track(clip(studio.media.clip("red"), 0, 12))))
    sums = checksum_file(result.path)
    assert (result.size_bytes, result.crc32c, result.sha256) == (sums.size_bytes, sums.crc32c, sums.sha256)
    assert (result.path, result.encoder, result.video_codec) == (studio.output, "libx264", "h264")
    assert [path.name for path in studio.folder.iterdir()] == ["out.mp4"]


@pytest.mark.parametrize("preset", [STANDARD_EXPORT, MAXIMUM_QUALITY_EXPORT])
def test_progress_rises_to_the_whole_and_ends_with_the_check(studio: Studio, preset: RenderPreset) -> None:
    studio.render(timeline(track(clip(studio.media.numbered(), 0, 100))), preset=preset)
    rendering = [update for update in studio.updates if update.phase == "rendering"]
    done = [update.frames_done for update in rendering]
    assert done == sorted(done)
    assert done[-1] == 100
    assert {update.frames_total for update in studio.updates} == {100}
    assert rendering[-1].eta_seconds == pytest.approx(0)
    assert studio.updates[-1].phase == "checking"


def test_cancelling_stops_ffmpeg_and_removes_everything(studio: Studio) -> None:
    async def cancel_when_running() -> None:
        running = asyncio.Event()
        task = asyncio.create_task(
            studio.start(
                manifest(long_cut(studio), preset=SLOW),
                on_update=lambda update: running.set() if update.frames_done else None,
            )
        )
        await asyncio.wait_for(running.wait(), 60)
        running_now = children()
        assert running_now
        assert all(ffmpeg.nice() >= 10 for ffmpeg in running_now)
        assert list(studio.folder.glob("*.work"))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not any(ffmpeg.is_running() for ffmpeg in running_now)

    asyncio.run(cancel_when_running())
    assert not children()
    assert not list(studio.folder.iterdir())


def test_an_ffmpeg_that_will_not_stop_is_killed(studio: Studio, tmp_path: Path) -> None:
    deaf = tmp_path / "deaf"
    deaf.write_text("#!/bin/sh\ntrap '' TERM\necho frame=1\nwhile :; do sleep 0.05; done\n")
    deaf.chmod(deaf.stat().st_mode | stat.S_IXUSR)

    async def cancel() -> None:
        heard = asyncio.Event()
        running = run_ffmpeg(Ffmpeg(deaf, "n9", "setting"), [], folder=tmp_path, on_frame=lambda _: heard.set())
        task = asyncio.create_task(running)
        await asyncio.wait_for(heard.wait(), 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 20)

    asyncio.run(cancel())
    assert not [child for child in psutil.Process().children() if child.name() == "deaf"]


def test_a_caller_that_fails_stops_the_render(studio: Studio) -> None:
    def fail(update: RenderUpdate) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(studio.start(manifest(long_cut(studio), preset=SLOW), on_update=fail))
    assert not children()
    assert not list(studio.folder.iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_ffmpeg_dies_with_a_killed_daemon(studio: Studio) -> None:
    document = studio.folder / "manifest.json"
    document.write_text(manifest(long_cut(studio), preset=SLOW).model_dump_json())
    daemon = """
import asyncio, sys
from pathlib import Path
from schemas.renders import RenderManifest
from worker.render.engine import render
from worker.render.ffmpeg import find_ffmpeg
folder, media = Path(sys.argv[1]), Path(sys.argv[2])
manifest = RenderManifest.model_validate_json((folder / "manifest.json").read_bytes())
output = folder / "out.mp4"
asyncio.run(render(manifest, output=output, roots=[media], ffmpeg=find_ffmpeg(), on_update=lambda update: None))
"""
    command = [sys.executable, "-c", daemon, str(studio.folder), str(studio.media.folder)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[3]) as process:
        wait_until(children)
        orphans = children()
        os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: not any(ffmpeg.is_running() and ffmpeg.status() != psutil.STATUS_ZOMBIE for ffmpeg in orphans))
    # What it left is taken over by the next render to the same place.
    studio.render(timeline(track(clip(studio.media.clip("red"), 0, 5))))
    assert sorted(path.name for path in studio.folder.iterdir()) == ["manifest.json", "out.mp4"]


def test_a_failing_hardware_encoder_yields_to_software(studio: Studio, tmp_path: Path) -> None:
    """An ffmpeg whose NVENC passes its probe and fails in earnest, as it does when its sessions are used up."""
    pretender = tmp_path / "pretender"
    pretender.write_text(
        "#!/bin/sh\n"
        'case "$*" in *lavfi*h264_nvenc*) exit 0;; *h264_nvenc*) echo "OpenEncodeSessionEx failed" >&2; exit 1;; esac\n'
        f'exec "{studio.media.ffmpeg.path}" "$@"\n'
    )
    pretender.chmod(pretender.stat().st_mode | stat.S_IXUSR)
    preset = RenderPreset(name="p", video=VideoSettings(bitrate="2M", preset="ultrafast"), use_gpu=True)
    result = asyncio.run(
        render(
            manifest(timeline(track(clip(studio.media.clip("red"), 0, 10))), preset=preset),
            output=tmp_path / "gpu.mp4",
            roots=[studio.media.folder],
            ffmpeg=Ffmpeg(pretender, studio.media.ffmpeg.version, "setting"),
            on_update=studio.updates.append,
            threads=1,
        )
    )
    assert (result.encoder, result.frame_count) == ("libx264", 10)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this machine")
def test_a_full_disk_is_called_that(studio: Studio) -> None:
    arguments = ["-y", "-f", "lavfi", "-i", "testsrc2=d=2", "-f", "avi", "file:/dev/full"]
    with pytest.raises(RenderError) as caught:
        asyncio.run(run_ffmpeg(studio.media.ffmpeg, arguments, folder=studio.folder, on_frame=lambda _: None))
    assert caught.value.code == "disk_full"


def test_what_ffmpeg_said_last_is_in_the_error(studio: Studio) -> None:
    with pytest.raises(RenderError, match=r"no-such-file\.mp4") as caught:
        asyncio.run(
            run_ffmpeg(studio.media.ffmpeg, ["-i", "no-such-file.mp4"], folder=studio.folder, on_frame=lambda _: None)
        )
    assert caught.value.code == "encoder_failed"


def test_an_output_folder_that_cannot_be_written_is_an_error(studio: Studio) -> None:
    (studio.folder / "file").write_text("")
    with pytest.raises(RenderError, match="cannot write"):
        asyncio.run(
            render(
                manifest(timeline(track(clip(studio.media.clip("red"), 0, 5)))),
                output=studio.folder / "file" / "out.mp4",
                roots=[studio.media.folder],
                ffmpeg=studio.media.ffmpeg,
                on_update=studio.updates.append,
            )
        )


def test_the_check_tells_a_short_a_wrong_and_a_broken_file(studio: Studio) -> None:
    red = clip(studio.media.clip("red"), 0, 20)
    result = studio.render(timeline(track(red)))
    longer = plan(manifest(timeline(track(red, red))), [studio.media.folder])
    with pytest.raises(RenderError, match="frames is 20, not 40") as caught:
        check_output(result.path, longer, QUICK)
    assert caught.value.code == "check_failed"
    right = plan(manifest(timeline(track(red))), [studio.media.folder])
    with pytest.raises(RenderError, match="codec is h264, not hevc"):
        check_output(result.path, right, MAXIMUM_QUALITY_EXPORT)
    content = bytearray(result.path.read_bytes())
    middle = content.index(b"mdat") + 8
    content[middle : middle + 3000] = bytes(3000)
    result.path.write_bytes(content)
    with pytest.raises(RenderError, match=r"cannot be (decoded|read)"):
        check_output(result.path, right, QUICK)
