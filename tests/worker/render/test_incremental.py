"""Only what changed is paid again, and the result is what a first render would have made, byte for byte."""

import copy
import os
import random
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.presets import MAXIMUM_QUALITY_EXPORT, VP9_STREAMING_EXPORT, AudioSettings, RenderPreset, VideoSettings
from tests.support.media import MediaShelf
from tests.worker.render.cuts import Node, clip, dissolve, gap, generator, manifest, timeline, track
from tests.worker.render.desk import EngineDesk
from worker.render.cache import SegmentCache
from worker.render.engine import choose, write_recipe

FAST = RenderPreset(name="fast", video=VideoSettings(crf=30, preset="ultrafast"), audio=AudioSettings(bitrate="64k"))


def color(number: int, frames: int) -> Node:
    return clip(generator("SolidColor", color=f"#{number % 256:02x}{(number * 7) % 256:02x}80"), 0, frames)


def five(desk: EngineDesk) -> list[Node]:
    return [clip(desk.media.numbered(), number, 40) for number in range(5)]


def from_scratch(desk: EngineDesk, cut: Node, preset: RenderPreset = FAST) -> bytes:
    fresh = EngineDesk(desk.media, desk.folder, SegmentCache(desk.folder / f"fresh-{random.random()}"))
    return fresh.render(cut, preset=preset, output=f"fresh.{preset.video.container}").read_bytes()


def test_the_same_again_is_not_even_written(desk: EngineDesk) -> None:
    cut = timeline(track(*five(desk)))
    path = desk.render(cut, preset=FAST, output="out.mp4")
    before = path.stat()
    assert desk.render(cut, preset=FAST, output="out.mp4") == path
    assert desk.encoded_frames == 0
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_an_output_that_somebody_changed_is_written_again(desk: EngineDesk) -> None:
    cut = timeline(track(*five(desk)))
    path = desk.render(cut, preset=FAST, output="out.mp4")
    right = path.read_bytes()
    path.write_bytes(right[:-1] + b"!")
    assert desk.render(cut, preset=FAST, output="out.mp4").read_bytes() == right
    assert desk.encoded_frames == 0


def test_one_changed_clip_is_one_piece(desk: EngineDesk) -> None:
    clips = five(desk)
    desk.render(timeline(track(*clips)), preset=FAST)
    clips[2] = clip(desk.media.numbered(), 60, 40)
    changed = timeline(track(*clips))
    path = desk.render(changed, preset=FAST)
    assert desk.encoded_frames == 40
    assert path.read_bytes() == from_scratch(desk, changed)


def test_a_clip_in_front_moves_everything_and_pays_for_itself(desk: EngineDesk) -> None:
    clips = five(desk)
    desk.render(timeline(track(*clips)), preset=FAST)
    longer = timeline(track(color(3, 33), *clips))
    path = desk.render(longer, preset=FAST)
    assert desk.encoded_frames == 33
    assert path.read_bytes() == from_scratch(desk, longer)


def test_other_music_pays_no_picture_and_another_picture_no_music(desk: EngineDesk) -> None:
    def cut(music: int, number: int) -> Node:
        sound = track(clip(desk.media.sound(music), 0, 80), kind="Audio")
        return timeline(track(color(number, 40), color(9, 40)), sound)

    desk.render(cut(440, 1), preset=FAST)
    first = desk.pieces()
    desk.render(cut(660, 1), preset=FAST)
    assert (desk.encoded_frames, len(desk.pieces() - first)) == (0, 1)
    second = desk.pieces()
    desk.render(cut(660, 2), preset=FAST)
    assert (desk.encoded_frames, len(desk.pieces() - second)) == (40, 1)


def test_media_counts_by_content_not_by_name_or_date(desk: EngineDesk) -> None:
    source = desk.media.folder / f"copy-{os.getpid()}.mp4"
    shutil.copyfile(desk.media.clip("red"), source)
    moved = source.with_name(f"moved-{os.getpid()}.mp4")
    desk.render(timeline(track(clip(source, 0, 40))), preset=FAST)
    source.rename(moved)
    os.utime(moved)
    path = desk.render(timeline(track(clip(moved, 0, 40))), preset=FAST)
    assert desk.encoded_frames == 0
    before = path.read_bytes()
    moved.write_bytes(desk.media.clip("green").read_bytes())
    assert desk.render(timeline(track(clip(moved, 0, 40))), preset=FAST).read_bytes() != before
    assert desk.encoded_frames == 40


@pytest.mark.parametrize("preset", [MAXIMUM_QUALITY_EXPORT, VP9_STREAMING_EXPORT])
def test_two_passes_are_one_piece_that_music_does_not_touch(desk: EngineDesk, preset: RenderPreset) -> None:
    def cut(music: int) -> Node:
        return timeline(track(*five(desk)[:2]), track(clip(desk.media.sound(music), 0, 80), kind="Audio"))

    desk.render(cut(440), preset=preset)
    assert len(desk.pieces()) == 2
    desk.render(cut(660), preset=preset)
    assert (desk.encoded_frames, len(desk.pieces())) == (0, 3)


def test_the_same_piece_twice_is_made_once(desk: EngineDesk) -> None:
    one = clip(desk.media.numbered(), 5, 45)
    desk.render(timeline(track(one, color(1, 40), copy.deepcopy(one))), preset=FAST)
    assert len(desk.pieces()) == 3
    assert desk.updates[-1].frames_done == 130


CLIPS = st.tuples(st.integers(0, 5), st.integers(4, 70))
TIMELINES = st.lists(CLIPS, min_size=2, max_size=9)
EDITS = st.tuples(st.sampled_from(["change", "insert", "remove", "swap", "overlay"]), st.integers(0, 8), CLIPS)


def built(media: MediaShelf, clips: list[tuple[int, int]], overlay: tuple[int, int] | None) -> Node:
    children: list[Node] = []
    for index, (kind, frames) in enumerate(clips):
        if index and kind == 0 and min(frames, clips[index - 1][1]) > 20:
            children.append(dissolve(4, 4))
        source = clip(media.numbered(), 10 + kind, frames) if kind < 2 else color(kind, frames)
        children.append(source if kind != 2 else gap(frames))
    tracks = [track(color(99, 2), *children)]
    if overlay:
        tracks.append(track(gap(overlay[0] * 7 + 1), clip(media.still("blue@0.5", size="40x20"), 0, overlay[1])))
    return timeline(*tracks)


def edited(clips: list[tuple[int, int]], edit: tuple[str, int, tuple[int, int]]) -> list[tuple[int, int]]:
    kind, place, new = edit
    at, after = place % len(clips), list(clips)
    if kind == "change":
        after[at] = new
    elif kind == "insert":
        after.insert(at, new)
    elif kind == "remove" and len(after) > 1:
        del after[at]
    elif kind == "swap":
        after[0], after[at] = after[at], after[0]
    return after


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(clips=TIMELINES, edit=EDITS)
def test_any_edit_rendered_incrementally_is_the_full_render(
    desk: EngineDesk, clips: list[tuple[int, int]], edit: tuple[str, int, tuple[int, int]]
) -> None:
    before = built(desk.media, clips, None)
    after = built(desk.media, edited(clips, edit), edit[2] if edit[0] == "overlay" else None)
    desk.render(before, preset=FAST)
    known = desk.pieces()
    path = desk.render(after, preset=FAST)
    [encoding] = choose(manifest(after, preset=FAST), desk.plan(after, FAST), desk.media.ffmpeg, 2)
    recipe = write_recipe(desk.plan(after, FAST), encoding, desk.media.ffmpeg, desk.cache)
    new = {key: segment for key, segment in recipe.pieces if key not in known}
    assert desk.encoded_frames == sum(segment.plan.frames for key, segment in recipe.pieces if key in new)
    assert desk.pieces() - known == {*new, recipe.sound[0]} - known
    assert path.read_bytes() == from_scratch(desk, after)
