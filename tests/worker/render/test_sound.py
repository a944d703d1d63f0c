"""The right sound at the right time: mixing, silence, crossfades, ranges, sample positions."""

import pytest

from schemas.presets import AudioCodec, AudioSettings, OutputContainer, RenderPreset, VideoCodec, VideoSettings
from tests.worker.render.cuts import Studio, clip, dissolve, gap, generator, stack, timeline, track
from tests.worker.render.look import HEARING_HERTZ, level, listen, strength

TONE = 0.1


def test_without_audio_tracks_the_video_clips_are_heard(studio: Studio) -> None:
    low, high, mute = (
        studio.media.clip("red"),
        studio.media.clip("blue", hertz=880),
        studio.media.clip("red", hertz=None),
    )
    heard = listen(studio.render(timeline(track(clip(low, 0, 30), clip(high, 0, 30), clip(mute, 0, 30)))).path)
    assert strength(heard, 440, 0.1, 0.9) == pytest.approx(TONE, rel=0.15)
    assert strength(heard, 880, 0.1, 0.9) < 0.002
    assert strength(heard, 880, 1.1, 1.9) == pytest.approx(TONE, rel=0.15)
    assert level(heard, 2.1, 2.9) < 0.001
    assert len(heard) == pytest.approx(3 * HEARING_HERTZ, abs=2048)


def test_audio_tracks_are_mixed_and_replace_the_sound_of_the_video(studio: Studio) -> None:
    red = studio.media.clip("red")
    result = studio.render(
        timeline(
            track(clip(red, 0, 60)),
            track(clip(studio.media.sound(660), 0, 60), kind="Audio"),
            track(gap(30), clip(studio.media.sound(990), 0, 30), kind="Audio"),
        )
    )
    heard = listen(result.path)
    assert strength(heard, 440, 0.1, 1.9) < 0.002
    assert strength(heard, 660, 0.1, 1.9) == pytest.approx(TONE, rel=0.15)
    assert strength(heard, 990, 0.1, 0.9) < 0.002
    assert strength(heard, 990, 1.1, 1.9) == pytest.approx(TONE, rel=0.15)


def test_a_muted_audio_track_does_not_bring_the_video_sound_back(studio: Studio) -> None:
    cut = timeline(
        track(clip(studio.media.clip("red"), 0, 30)),
        track(clip(studio.media.sound(), 0, 30), kind="Audio", enabled=False),
    )
    assert level(listen(studio.render(cut).path), 0.1, 0.9) < 0.001


@pytest.mark.parametrize(("media_frame", "wanted_seconds"), [(0, 1.0), (15, 0.5), (29, 1 / 30)])
def test_a_click_is_heard_where_it_belongs(studio: Studio, media_frame: int, wanted_seconds: float) -> None:
    click = studio.media.click(1.0)
    cut = timeline(track(clip(generator("Slug"), 0, 60)), track(gap(10), clip(click, media_frame, 50), kind="Audio"))
    heard = listen(studio.render(cut).path)
    loudest = max(range(len(heard)), key=lambda sample: abs(heard[sample]))
    assert loudest / HEARING_HERTZ == pytest.approx(10 / 30 + wanted_seconds, abs=0.002)


def test_sound_stays_with_the_picture_in_a_file_that_starts_late(studio: Studio) -> None:
    """A transport stream counts from 1.4 s; a seek into it must move picture and sound alike."""
    click = studio.media.folder / "click.ts"
    numbered = studio.media.numbered()
    studio.media.run(
        [
            "-i",
            str(numbered),
            "-i",
            str(studio.media.click(2.0, seconds=4)),
            "-map",
            "0:v",
            "-map",
            "1:a",
            "-c:v",
            "copy",
            "-c:a",
            "mp2",
            str(click),
        ]
    )
    heard = listen(studio.render(timeline(track(clip(click, 45, 60)))).path)
    loudest = max(range(len(heard)), key=lambda sample: abs(heard[sample]))
    assert loudest / HEARING_HERTZ == pytest.approx(0.5, abs=0.03)


def test_a_dissolve_crossfades_the_sound(studio: Studio) -> None:
    low, high = studio.media.clip("red"), studio.media.clip("blue", hertz=880)
    heard = listen(studio.render(timeline(track(clip(low, 0, 30), dissolve(15, 15), clip(high, 20, 30)))).path)
    assert strength(heard, 440, 0.98, 1.02) == pytest.approx(TONE / 2, rel=0.3)
    assert strength(heard, 880, 0.98, 1.02) == pytest.approx(TONE / 2, rel=0.3)
    assert strength(heard, 440, 0.6, 0.65) > 3 * strength(heard, 880, 0.6, 0.65)
    assert strength(heard, 440, 1.6, 1.9) < 0.002


def test_a_part_is_heard_like_the_same_part_of_the_whole(studio: Studio) -> None:
    low, high = studio.media.clip("red"), studio.media.clip("blue", hertz=880)
    cut = timeline(track(clip(low, 0, 30), dissolve(15, 15), clip(high, 20, 30)))
    part = listen(studio.render(cut, start_frame=36, end_frame=54).path)
    assert strength(part, 440, 0.0, 0.1) == pytest.approx(TONE * 0.25, rel=0.3)
    assert strength(part, 880, 0.0, 0.1) == pytest.approx(TONE * 0.75, rel=0.3)
    assert len(part) == pytest.approx(0.6 * HEARING_HERTZ, abs=2048)


def test_speed_keeps_the_pitch_and_a_freeze_is_silent(studio: Studio) -> None:
    red = studio.media.clip("red", seconds=3)
    warps = [{"OTIO_SCHEMA": "LinearTimeWarp.1", "time_scalar": speed} for speed in (2.0, 0.4)]
    effects = [*warps, {"OTIO_SCHEMA": "FreezeFrame.1"}]
    heard = listen(studio.render(timeline(track(*(clip(red, 0, 30, effects=[effect]) for effect in effects)))).path)
    assert strength(heard, 440, 0.2, 0.8) == pytest.approx(TONE, rel=0.25)
    assert strength(heard, 440, 1.2, 1.8) == pytest.approx(TONE, rel=0.25)
    assert level(heard, 2.1, 2.9) < 0.001


def test_nested_sound_is_heard_in_its_place(studio: Studio) -> None:
    inner = stack(track(clip(studio.media.clip("red"), 0, 30)))
    heard = listen(studio.render(timeline(track(gap(30), inner))).path)
    assert level(heard, 0.1, 0.9) < 0.001
    assert strength(heard, 440, 1.1, 1.9) == pytest.approx(TONE, rel=0.15)


def test_a_tone_generator_and_other_rates_and_layouts(studio: Studio) -> None:
    preset = RenderPreset(
        name="p",
        video=VideoSettings(
            codec=VideoCodec.H264, container=OutputContainer.MKV, width=64, height=64, preset="ultrafast"
        ),
        audio=AudioSettings(codec=AudioCodec.MP3, sample_rate=44100, channels=1),
    )
    cut = timeline(
        track(clip(generator("Slug"), 0, 60)),
        track(
            clip(generator("Tone", frequency=500), 0, 30),
            clip(studio.media.sound(700, rate=22050), 0, 30),
            kind="Audio",
        ),
    )
    heard = listen(studio.render(cut, preset=preset).path)
    assert strength(heard, 500, 0.1, 0.9) == pytest.approx(10 ** (-18 / 20), rel=0.15)
    assert strength(heard, 700, 1.1, 1.9) == pytest.approx(TONE, rel=0.15)
