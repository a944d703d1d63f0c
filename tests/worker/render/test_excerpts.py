"""Rendering a plan in parts gives what rendering it whole gives, to the bit, over the whole corpus."""

from itertools import pairwise

import pytest

from schemas.presets import OutputContainer, RenderPreset, VideoCodec, VideoSettings
from tests.support.media import MediaShelf
from tests.worker.render import frames
from tests.worker.render.corpus.picture_cuts import PICTURES, PRESET
from tests.worker.render.corpus.sounds import SOUNDS
from tests.worker.render.corpus.texts import TEXTS, captioned
from tests.worker.render.cuts import clip, dissolve, timeline, track
from tests.worker.render.shown import planned
from worker.render.excerpt import edges, excerpt
from worker.render.plan import Plan


def assert_parts_are_the_whole(whole: Plan, media: MediaShelf, *, preset: RenderPreset = PRESET) -> None:
    """Cut at an edge, near the middle and near the end, and render every part alone."""
    shown = frames.picture(whole, media.ffmpeg, preset=preset)
    assert len(shown) == whole.frames
    inner = [edge for edge in edges(whole) if 0 < edge < whole.frames]
    cuts = sorted({0, *inner[:1], whole.frames // 2 + 1, whole.frames - 3, whole.frames})
    parts = [frames.picture(excerpt(whole, *part), media.ffmpeg, preset=preset) for part in pairwise(cuts)]
    assert [frame for part in parts for frame in part] == shown


@pytest.mark.parametrize("name", [*PICTURES, *TEXTS])
def test_pictures_in_parts_are_the_pictures_of_the_whole(media: MediaShelf, name: str) -> None:
    assert_parts_are_the_whole(planned((PICTURES | TEXTS)[name](media), media), media)


@pytest.mark.parametrize("name", ["srt", "ass"])
def test_captions_in_parts_are_the_captions_of_the_whole(media: MediaShelf, name: str) -> None:
    cut, asset_map = captioned(media, name)
    assert_parts_are_the_whole(planned(cut, media, asset_map=asset_map), media)


@pytest.mark.parametrize("name", ["partly_covered", "translucent_fades", "moving", "fading", "multiply", "stills"])
def test_parts_are_the_whole_in_ten_bits_and_other_chroma(media: MediaShelf, name: str) -> None:
    deep = VideoSettings(codec=VideoCodec.PRORES, container=OutputContainer.MOV, width=160, height=90)
    preset = RenderPreset(name="deep", video=deep.model_copy(update={"pixel_format": "yuv422p10le"}))
    assert_parts_are_the_whole(planned(PICTURES[name](media), media, preset=preset), media, preset=preset)


@pytest.mark.parametrize("name", SOUNDS)
def test_the_sound_of_a_part_is_the_part_of_the_sound(media: MediaShelf, name: str) -> None:
    """To the last bit of every sample; at 30 frames a second a frame has 1600 of them in two channels."""
    whole = planned(SOUNDS[name](media), media)
    heard = frames.samples(whole, media.ffmpeg, preset=PRESET)
    frame_bytes = 1600 * 2 * 4
    assert len(heard) == whole.frames * frame_bytes
    for start, end in pairwise((0, 9, 23, 24, whole.frames)):
        part = frames.samples(excerpt(whole, start, end), media.ffmpeg, preset=PRESET)
        assert part == heard[start * frame_bytes : end * frame_bytes]


def test_equal_content_at_different_places_gives_equal_excerpts(media: MediaShelf) -> None:
    film, red = media.numbered(), media.clip("red")
    fading = {"deskrun": {"opacity": {"keyframes": [{"t": 0, "v": 0}, {"t": 0.5, "v": 1}]}}}
    scene = [clip(film, 10, 20, metadata=fading), dissolve(4, 4), clip(red, 10, 20)]
    early, late = planned(timeline(track(*scene)), media), planned(timeline(track(clip(red, 0, 17), *scene)), media)
    for start, end in ((0, 40), (3, 18), (17, 22), (25, 40)):
        assert excerpt(early, start, end) == excerpt(late, start + 17, end + 17)
    assert edges(early) == (0, 16, 24, 40)


@pytest.mark.parametrize(("start", "end"), [(-1, 5), (5, 5), (0, 41)])
def test_what_is_no_part_is_refused(media: MediaShelf, start: int, end: int) -> None:
    whole = planned(timeline(track(clip(media.clip("red"), 0, 40))), media)
    with pytest.raises(ValueError, match="no part of 40 frames"):
        excerpt(whole, start, end)
