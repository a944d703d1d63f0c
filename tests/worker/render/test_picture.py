"""The right frame of the right clip at every frame of the output."""

from fractions import Fraction

import pytest

from schemas.presets import AudioSettings, RenderPreset, VideoSettings
from tests.worker.render.cuts import Studio, clip, dissolve, gap, generator, span, stack, timeline, track
from tests.worker.render.look import close, look

BLACK, RED, GREEN, BLUE, WHITE = (0, 0, 0), (255, 0, 0), (0, 128, 0), (0, 0, 255), (255, 255, 255)


def test_trims_show_exactly_their_frames(studio: Studio) -> None:
    numbered = studio.media.numbered()
    result = studio.render(timeline(track(clip(numbered, 50, 10), clip(numbered, 7, 5), clip(numbered, 110, 10))))
    assert look(result.path).numbers() == [*range(50, 60), *range(7, 12), *range(110, 120)]
    assert result.frame_count == 25
    assert result.duration_seconds == pytest.approx(25 / 30)


@pytest.mark.parametrize(
    ("suffix", "rate", "options"),
    [
        (".mkv", "30", ()),
        (".webm", "30", ("-c:v", "libvpx-vp9", "-b:v", "1M", "-deadline", "realtime", "-cpu-used", "8")),
        (".ts", "25", ()),
        (".mov", "25", ("-c:v", "prores_ks")),
        (".mp4", "24000/1001", ()),
        (".mp4", "60", ()),
        (".flv", "30", ()),
    ],
)
def test_frames_are_exact_in_every_container(studio: Studio, suffix: str, rate: str, options: tuple[str, ...]) -> None:
    seconds = 2
    numbered = studio.media.numbered(suffix, rate=rate, seconds=seconds, options=options)
    written = float(Fraction(rate))
    result = studio.render(timeline(track(clip(numbered, 31, 10, rate=round(written, 3)))))
    assert look(result.path).numbers() == list(range(31, 41))


def test_a_dissolve_takes_its_handles_from_beyond_the_cut_and_adds_no_length(studio: Studio) -> None:
    red, blue = studio.media.clip("red"), studio.media.clip("blue")
    result = studio.render(timeline(track(clip(red, 0, 20), dissolve(5, 5), clip(blue, 20, 20))))
    seen = look(result.path)
    assert len(seen.frames) == 40
    assert close(seen.at(14), RED)
    assert close(seen.at(25), BLUE)
    mixed = [seen.at(frame)[2] for frame in range(15, 25)]
    assert mixed == sorted(mixed)
    assert close(seen.at(19), (255 * 11 // 20, 0, 255 * 9 // 20), slack=25)
    assert close(seen.at(20), (255 * 9 // 20, 0, 255 * 11 // 20), slack=25)


def test_missing_handles_freeze_the_edge_frames(studio: Studio) -> None:
    numbered = studio.media.numbered()
    result = studio.render(timeline(track(clip(numbered, 110, 10), dissolve(0, 4), clip(generator("Slug"), 0, 6))))
    # The outgoing clip has ended: its last frame, 119, fades to black.
    seen = look(result.path)
    assert seen.number(10) == 119
    assert len(seen.frames) == 16
    result = studio.render(timeline(track(clip(generator("Slug"), 0, 6), dissolve(4, 0), clip(numbered, 1, 10))))
    # The incoming clip has one frame before its in-point, then nothing.
    assert look(result.path).numbers()[5:] == [0, *range(1, 11)]


def test_a_dissolve_from_nothing_is_a_fade_in(studio: Studio) -> None:
    result = studio.render(timeline(track(dissolve(0, 10), clip(studio.media.clip("white"), 0, 20))))
    levels = [look(result.path).at(frame)[0] for frame in (0, 5, 12)]
    assert levels[0] < 40
    assert levels[1] == pytest.approx(140, abs=40)
    assert levels[2] > 240


def test_an_upper_track_covers_and_its_gaps_do_not(studio: Studio) -> None:
    red, blue = studio.media.clip("red"), studio.media.clip("blue")
    result = studio.render(timeline(track(clip(red, 0, 30)), track(gap(10), clip(blue, 0, 10))))
    seen = look(result.path)
    colors = [seen.at(frame) for frame in (0, 9, 10, 19, 20, 29)]
    assert [close(color, wanted) for color, wanted in zip(colors, [RED, RED, BLUE, BLUE, RED, RED], strict=True)] == [
        True
    ] * 6


def test_a_gap_at_the_bottom_is_black(studio: Studio) -> None:
    result = studio.render(timeline(track(gap(5), clip(studio.media.clip("red"), 0, 5), gap(5))))
    seen = look(result.path)
    assert [close(seen.at(frame), wanted) for frame, wanted in ((4, BLACK), (5, RED), (9, RED), (10, BLACK))] == [
        True
    ] * 4
    assert len(seen.frames) == 15


def test_a_dissolve_on_an_upper_track_keeps_its_color(studio: Studio) -> None:
    """Fading out over the same colour changes nothing; with unpremultiplied mixing it would turn grey."""
    white = studio.media.clip("white")
    result = studio.render(timeline(track(clip(white, 0, 20)), track(clip(white, 0, 10), dissolve(8, 0), gap(10))))
    seen = look(result.path)
    assert all(close(seen.at(frame), WHITE, slack=6) for frame in range(20))


def test_a_smaller_picture_is_letterboxed_below_and_transparent_above(studio: Studio) -> None:
    red, square = studio.media.clip("red"), studio.media.clip("blue", size="90x90")
    below = look(studio.render(timeline(track(clip(red, 0, 5), clip(square, 0, 5)))).path)
    assert (close(below.at(7, 0.05), BLACK), close(below.at(7), BLUE)) == (True, True)
    above = look(studio.render(timeline(track(clip(red, 0, 5)), track(clip(square, 0, 5)))).path)
    assert (close(above.at(2, 0.05), RED), close(above.at(2), BLUE)) == (True, True)


def test_stills_last_as_long_as_their_clip_and_keep_their_alpha(studio: Studio) -> None:
    red = studio.media.clip("red")
    result = studio.render(
        timeline(
            track(clip(red, 0, 10), clip(studio.media.still("green", suffix=".jpg"), 0, 10)),
            track(clip(studio.media.still("blue@0.5", size="32x18"), 0, 5)),
        )
    )
    seen = look(result.path)
    assert len(seen.frames) == 20
    assert close(seen.at(3), (128, 0, 128), slack=20)
    assert close(seen.at(7), RED)
    assert close(seen.at(19), GREEN)


def test_a_translucent_still_at_the_bottom_lies_on_black(studio: Studio) -> None:
    seen = look(studio.render(timeline(track(clip(studio.media.still("white@0.5"), 0, 5)))).path)
    assert close(seen.at(2), (128, 128, 128))


def test_generators_need_no_media(studio: Studio) -> None:
    preset = RenderPreset(
        name="p", video=VideoSettings(width=160, height=90, preset="ultrafast"), audio=AudioSettings()
    )
    colors = [generator("SolidColor", color="#2040c0"), generator("Slug"), generator("SolidColor", color=[1, 1, 0])]
    cut = timeline(track(*(clip(color, 0, 3) for color in colors), clip(generator("Bars"), 0, 3)))
    seen = look(studio.render(cut, preset=preset).path)
    assert close(seen.at(1), (32, 64, 192))
    assert close(seen.at(4), BLACK)
    assert close(seen.at(7), (255, 255, 0))
    assert len({seen.at(10, x / 20 + 0.02, 0.2) for x in range(20)}) > 5


def test_speed_and_freeze(studio: Studio) -> None:
    numbered = studio.media.numbered()
    warp = {"OTIO_SCHEMA": "LinearTimeWarp.1", "time_scalar": 2.0, "effect_name": "LinearTimeWarp"}
    slow = {**warp, "time_scalar": 0.5}
    freeze = {"OTIO_SCHEMA": "FreezeFrame.1"}
    effects = [clip(numbered, 40, 6, effects=[effect]) for effect in (warp, slow, freeze)]
    assert look(studio.render(timeline(track(*effects))).path).numbers() == [
        *(40, 42, 44, 46, 48, 50),
        *(40, 40, 41, 41, 42, 42),
        *(40, 40, 40, 40, 40, 40),
    ]


def test_a_nested_stack_is_shown_in_its_place_and_trimmed(studio: Studio) -> None:
    numbered, blue = studio.media.numbered(), studio.media.clip("blue")
    inner = stack(track(clip(numbered, 20, 20)), track(gap(8), clip(blue, 0, 20)), source_range=span(4, 8))
    seen = look(studio.render(timeline(track(clip(numbered, 0, 5), inner, clip(numbered, 60, 5)))).path)
    assert seen.numbers()[:9] == [0, 1, 2, 3, 4, 24, 25, 26, 27]
    assert all(close(seen.at(frame), BLUE) for frame in range(9, 13))
    assert seen.numbers()[13:] == [60, 61, 62, 63, 64]


def test_disabled_clips_and_tracks_are_not_shown(studio: Studio) -> None:
    red, blue = studio.media.clip("red"), studio.media.clip("blue")
    cut = timeline(track(clip(red, 0, 5), clip(red, 0, 5, enabled=False)), track(clip(blue, 0, 10), enabled=False))
    seen = look(studio.render(cut).path)
    assert (close(seen.at(2), RED), close(seen.at(7), BLACK), len(seen.frames)) == (True, True, 10)


@pytest.mark.parametrize(("start", "end"), [(3, 22), (12, 17), (0, 15), (16, None), (25, 999)])
def test_a_part_is_frame_for_frame_what_the_whole_shows(studio: Studio, start: int, end: int | None) -> None:
    numbered = studio.media.numbered()
    cut = timeline(
        track(clip(numbered, 0, 15), dissolve(5, 5), clip(numbered, 64, 15)), track(gap(20), clip(numbered, 9, 3))
    )
    whole = look(studio.render(cut).path)
    part = look(studio.render(cut, start_frame=start, end_frame=end).path)
    wanted = whole.frames[start:end]
    assert len(part.frames) == len(wanted)
    for mine, theirs in zip(part.frames, wanted, strict=True):
        assert max(abs(a - b) for a, b in zip(mine[::97], theirs[::97], strict=True)) < 24


def test_mixed_rates_and_the_timeline_rate(studio: Studio) -> None:
    film = studio.media.numbered(rate="24000/1001", seconds=2)
    cut = timeline(
        track(clip(film, 12, 12, rate=23.976), clip(studio.media.clip("red", rate="50"), 0, 25, rate=50)),
        global_start_time={"OTIO_SCHEMA": "RationalTime.1", "value": 86400, "rate": 23.976},
    )
    result = studio.render(cut)
    seen = look(result.path)
    assert seen.numbers()[:12] == list(range(12, 24))
    assert len(seen.frames) == 24
    assert result.duration_seconds == pytest.approx(24 * 1001 / 24000)


def test_a_turned_phone_clip_is_upright(studio: Studio) -> None:
    upright = studio.media.folder / "turned.mp4"
    lying = studio.media.make(
        "lying.mp4",
        ["color=c=blue:s=160x90:r=30:d=1,drawbox=c=red:w=40:h=90:t=fill,format=yuv420p"],
        ["-c:v", "libx264"],
    )
    studio.media.run(["-display_rotation", "90", "-i", str(lying), "-c", "copy", str(upright)])
    seen = look(studio.render(timeline(track(clip(upright, 0, 5)))).path)
    assert (seen.width, seen.height) == (90, 160)
    # Turned a quarter to the left, what was on the left is at the bottom.
    assert (seen.at(2, 0.5, 0.95)[0] > 150, seen.at(2, 0.5, 0.5)[2] > 150) == (True, True)
