"""Levels, fades, pan, loops, ducking and reversed sound, sample by sample and without an encoder."""

from itertools import pairwise

import pytest

from tests.support.media import MediaShelf
from tests.worker.render.corpus.picture_cuts import keys, ours, warp
from tests.worker.render.cuts import Node, clip, gap, generator, timeline, track
from tests.worker.render.look import level, strength
from tests.worker.render.shown import hear, planned
from worker.render.layers import Loudness

TONE = 0.1


def heard(media: MediaShelf, *, frames: int = 30, hertz: int = 440, **fields: object) -> Node:
    """A tone at -20 dBFS in both channels."""
    return timeline(track(clip(media.sound(hertz), 0, frames, metadata=ours(**fields)), kind="Audio"))


def test_gain_in_decibels(media: MediaShelf) -> None:
    left, right = hear(heard(media, gain_db=-6), media)
    assert strength(left, 440, 0.1, 0.9) == pytest.approx(TONE / 2, rel=0.01)
    assert left == right


def test_gain_of_a_track(media: MediaShelf) -> None:
    quiet = track(clip(media.sound(), 0, 30, metadata=ours(gain_db=-6)), kind="Audio", metadata=ours(gain_db=-14))
    left, _ = hear(timeline(quiet), media)
    assert strength(left, 440, 0.1, 0.9) == pytest.approx(TONE / 10, rel=0.01)


def test_gain_that_changes_is_smooth(media: MediaShelf) -> None:
    left, _ = hear(heard(media, gain_db=keys((0.2, 0), (0.8, -20))), media)
    assert strength(left, 440, 0.1, 0.2) == pytest.approx(TONE, rel=0.02)
    assert strength(left, 440, 0.49, 0.51) == pytest.approx(TONE * 10 ** (-10 / 20), rel=0.1)
    assert strength(left, 440, 0.82, 0.98) == pytest.approx(TONE / 10, rel=0.02)
    assert max(abs(after - before) for before, after in pairwise(left)) < 0.0062


def test_pan_is_a_balance(media: MediaShelf) -> None:
    left, right = hear(heard(media, pan=0.75), media)
    assert strength(left, 440, 0.1, 0.9) == pytest.approx(TONE / 4, rel=0.01)
    assert strength(right, 440, 0.1, 0.9) == pytest.approx(TONE, rel=0.01)
    left, right = hear(heard(media, pan=keys((0, -1), (1, 1))), media)
    assert strength(right, 440, 0.24, 0.26) == pytest.approx(TONE / 2, rel=0.1)
    assert strength(left, 440, 0.74, 0.76) == pytest.approx(TONE / 2, rel=0.1)


def test_fades_of_a_clip(media: MediaShelf) -> None:
    left, _ = hear(heard(media, fade_in_seconds=0.5, fade_out_seconds=0.2), media)
    assert strength(left, 440, 0.24, 0.26) == pytest.approx(TONE / 2, rel=0.1)
    assert strength(left, 440, 0.55, 0.75) == pytest.approx(TONE, rel=0.02)
    assert strength(left, 440, 0.89, 0.91) == pytest.approx(TONE / 2, rel=0.1)
    part, _ = hear(heard(media, fade_in_seconds=0.5, fade_out_seconds=0.2), media, start_frame=6, end_frame=27)
    assert part == left[6 * 1600 : 27 * 1600]


def test_a_loop_goes_on_without_a_gap(media: MediaShelf) -> None:
    """The tone has 440 whole waves a second, so a loop of one second has no seam."""
    sound = media.sound(seconds=1)
    left, _ = hear(timeline(track(clip(sound, 12, 90, metadata=ours(loop=True)), kind="Audio")), media)
    assert strength(left, 440, 0.0, 3.0) == pytest.approx(TONE, rel=0.001)
    click = media.click(0.25, seconds=0.5)
    left, _ = hear(timeline(track(clip(click, 0, 60, metadata=ours(loop=True)), kind="Audio")), media)
    assert [round(at / 48000, 2) for at in range(1, len(left)) if abs(left[at]) > 0.5 > abs(left[at - 1])] == [
        0.25,
        0.75,
        1.25,
        1.75,
    ]


def test_music_gives_way_to_speech(media: MediaShelf) -> None:
    speech = track(gap(30), clip(media.sound(1000), 0, 45), gap(45), kind="Audio", name="speech")
    duck = {"by": ["speech"], "amount_db": 12, "release_seconds": 0.1}
    music = track(clip(media.sound(300, seconds=5), 0, 120), kind="Audio", name="music", metadata=ours(duck=duck))
    left, _ = hear(timeline(speech, music), media)
    assert strength(left, 300, 0.2, 0.9) == pytest.approx(TONE, rel=0.02)
    assert 0.25 < strength(left, 300, 1.5, 2.4) / TONE < 0.45
    assert strength(left, 1000, 1.5, 2.4) == pytest.approx(TONE, rel=0.02)
    assert strength(left, 300, 3.2, 3.9) == pytest.approx(TONE, rel=0.05)


def test_a_duck_that_nobody_wakes_changes_nothing(media: MediaShelf) -> None:
    music = track(clip(media.sound(), 0, 30), kind="Audio", metadata=ours(duck={"by": ["nobody"]}))
    left, _ = hear(timeline(music), media)
    assert strength(left, 440, 0.1, 0.9) == pytest.approx(TONE, rel=0.01)


def test_reversed_sound_ends_with_its_beginning(media: MediaShelf) -> None:
    click = media.click(1.0)
    cut = timeline(track(clip(click, 15, 45, effects=[warp(-1)]), kind="Audio"))
    left, _ = hear(cut, media)
    loudest = max(range(len(left)), key=lambda at: abs(left[at]))
    # A second into the file is half a second after the part begins, so half a second before it ends.
    assert loudest / 48000 == pytest.approx(1.0, abs=0.002)
    part, _ = hear(cut, media, start_frame=20, end_frame=40)
    assert part == left[20 * 1600 : 40 * 1600]


def test_levels_apply_to_the_sound_of_video_clips_and_tones(media: MediaShelf) -> None:
    cut = timeline(track(clip(media.clip("red"), 0, 15, metadata=ours(gain_db=-20)), gap(15)))
    left, _ = hear(cut, media)
    assert strength(left, 440, 0.1, 0.4) == pytest.approx(TONE / 10, rel=0.05)
    assert level(left, 0.55, 0.95) == 0
    tone = clip(generator("Tone", frequency=500), 0, 30, metadata=ours(gain_db=-6, pan=-1))
    left, right = hear(timeline(track(tone, kind="Audio")), media)
    assert strength(left, 500, 0.1, 0.9) == pytest.approx(10 ** (-24 / 20), rel=0.02)
    assert level(right, 0, 1) == 0


def test_the_loudness_wanted_is_in_the_plan(media: MediaShelf) -> None:
    cut = timeline(track(clip(media.sound(), 0, 30), kind="Audio"), metadata=ours(loudness={"target_lufs": -23}))
    assert planned(cut, media).loudness == Loudness(-23, -1.5, 11)
    assert planned(heard(media), media).loudness is None
