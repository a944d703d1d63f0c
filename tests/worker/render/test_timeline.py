"""What other tools write into timelines: timecodes, nested things, features that are left out, ranges on everything."""

import logging
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest

from schemas.presets import STANDARD_EXPORT, RenderPreset, VideoSettings
from tests.support.media import MediaShelf
from tests.worker.render.cuts import (
    Node,
    Studio,
    clip,
    dissolve,
    external,
    gap,
    generator,
    manifest,
    span,
    stack,
    time,
    timeline,
    track,
)
from tests.worker.render.look import look
from worker.render.errors import RenderError
from worker.render.layers import Cut
from worker.render.plan import Plan, plan
from worker.render.times import exact_rate, exact_seconds, frame_at


@pytest.fixture
def lower(media: MediaShelf) -> "Lower":
    return Lower(media)


class Lower:
    """Plans timelines of the shelf's media."""

    def __init__(self, media: MediaShelf) -> None:
        self.media = media

    def __call__(self, cut: Node, *, preset: RenderPreset = STANDARD_EXPORT, **fields: object) -> Plan:
        return plan(manifest(cut, preset=preset, **fields), [self.media.folder])


def cuts(made: Plan) -> list[tuple[int, int, Fraction]]:
    """Start, end and media start of every plain span, from the bottom layer up."""
    spans = [span for layer in made.layers for span in layer.spans]
    return [(s.start, s.end, s.shot.media_start) for s in spans if isinstance(s, Cut)]


def test_media_time_counts_from_the_available_range(lower: Lower) -> None:
    """A camera's file starts at a timecode of one hour."""
    reference = {**external(lower.media.clip("red")), "available_range": span(108_000, 60)}
    assert cuts(lower(timeline(track(clip(reference, 108_015, 10))))) == [(0, 10, Fraction(1, 2))]
    whole = {**clip(reference), "source_range": None}
    assert cuts(lower(timeline(track(whole)))) == [(0, 60, Fraction(0))]


def test_a_clip_without_any_range_is_the_whole_file(lower: Lower) -> None:
    assert cuts(lower(timeline(track({**clip(lower.media.clip("red")), "source_range": None})))) == [
        (0, 60, Fraction(0))
    ]


def test_a_nested_track_and_a_clip_beside_tracks(lower: Lower) -> None:
    red, blue = lower.media.clip("red"), lower.media.clip("blue")
    cut = timeline(track(clip(red, 0, 5), track(clip(blue, 10, 5), source_range=span(2, 3))), clip(red, 30, 4))
    assert cuts(lower(cut)) == [(0, 5, 0), (5, 8, Fraction(12, 30)), (0, 4, 1)]


def test_ranges_on_tracks_and_on_the_whole_stack_trim(lower: Lower) -> None:
    red = lower.media.clip("red")
    cut = timeline(track(clip(red, 0, 30), source_range=span(5, 20)))
    assert cuts(lower(cut)) == [(0, 20, Fraction(5, 30))]
    cut["tracks"]["source_range"] = span(4, 10)
    made = lower(cut)
    assert (cuts(made), made.frames) == ([(0, 10, Fraction(9, 30))], 10)
    cut["tracks"]["source_range"] = span(-4, 10)
    assert cuts(lower(cut)) == [(4, 10, Fraction(5, 30))]
    cut["tracks"]["source_range"] = span(4, -10)
    with pytest.raises(RenderError) as caught:
        lower(cut)
    assert caught.value.pointer == "/tracks/source_range"


def test_the_longest_track_decides_the_length(lower: Lower) -> None:
    red = lower.media.clip("red")
    made = lower(timeline(track(clip(red, 0, 10)), track(clip(lower.media.sound(), 0, 45), kind="Audio")))
    assert made.frames == 45


def test_what_is_not_rendered_is_listed_and_logged(studio: Studio, caplog: pytest.LogCaptureFixture) -> None:
    red, blue = studio.media.clip("red"), studio.media.clip("blue")
    blur = {"OTIO_SCHEMA": "Effect.1", "effect_name": "Blur"}
    off = {"OTIO_SCHEMA": "LinearTimeWarp.1", "time_scalar": 2.0, "enabled": False}
    wipe = {**dissolve(2, 2), "transition_type": "Swirl"}
    cut = timeline(
        track(clip(red, 0, 10, effects=[blur, off]), wipe, clip(blue, 5, 10)),
        track(clip("asset:none"), kind="Captions"),
    )
    with caplog.at_level(logging.WARNING):
        result = studio.render(cut)
    assert result.frame_count == 20
    places = [record.args[1] for record in caplog.records if isinstance(record.args, tuple)]
    assert places == [
        "/tracks/children/0/children/0/effects/0",
        "/tracks/children/0/children/1",
        "/tracks/children/1",
    ]


def test_a_transition_of_no_length_is_a_cut(lower: Lower) -> None:
    red = lower.media.clip("red")
    assert cuts(lower(timeline(track(clip(red, 0, 5), dissolve(0, 0), clip(red, 9, 5))))) == [
        (0, 5, 0),
        (5, 10, Fraction(9, 30)),
    ]


def test_a_wrong_neighbour_is_not_blamed_on_the_transition(lower: Lower) -> None:
    with pytest.raises(RenderError) as caught:
        lower(timeline(track(clip(lower.media.clip("red"), 0, 10), dissolve(2, 2), clip(None))))
    assert caught.value.message == "the clip has no media"


@pytest.mark.parametrize(
    ("rates", "wanted"),
    [
        ((24, 50, 25, None), Fraction(24)),
        ((None, 50, 25, None), Fraction(50)),
        ((None, None, 25, None), Fraction(25)),
        ((None, None, 1000, None), Fraction(30)),
        ((24, 50, 25, 59.94), Fraction(60000, 1001)),
    ],
)
def test_the_rate_is_the_preset_s_else_the_timeline_s(
    lower: Lower, rates: tuple[float | None, float | None, float, float | None], wanted: Fraction
) -> None:
    start, default, clip_rate, preset_rate = rates
    cut = timeline(
        track(clip(lower.media.clip("red"), 0, clip_rate, rate=clip_rate)),
        global_start_time=None if start is None else time(0, start),
        metadata={} if default is None else {"default_rate": default},
    )
    preset = RenderPreset(name="p", video=VideoSettings(framerate=preset_rate))
    assert lower(cut, preset=preset).rate == wanted


def test_the_size_is_the_preset_s_else_the_first_moving_picture_s_and_even(lower: Lower) -> None:
    still, odd = lower.media.still("red", size="400x300"), lower.media.clip("red", size="162x90")
    made = lower(timeline(track(clip(still, 0, 5), clip(odd, 0, 5))))
    assert (made.width, made.height) == (162, 90)
    made = lower(
        timeline(track(clip(still, 0, 5))), preset=RenderPreset(name="p", video=VideoSettings(width=101, height=77))
    )
    assert (made.width, made.height) == (100, 76)
    made = lower(timeline(track(clip(generator("Slug"), 0, 5))))
    assert (made.width, made.height) == (1920, 1080)


def test_positions_do_not_drift_in_long_timelines(lower: Lower) -> None:
    """150 clips of 1.001 s at 23.976: floating-point seconds would round some boundary to the wrong frame."""
    film = lower.media.numbered(rate="24000/1001", seconds=2)
    made = lower(timeline(track(*(clip(film, 0, 24, rate=23.976) for _ in range(150)))))
    assert [start for start, _, _ in cuts(made)] == [24 * index for index in range(150)]


def test_unknown_colors_of_a_preset_are_refused(studio: Studio) -> None:
    preset = RenderPreset(name="p", video=VideoSettings(color_space="ictcp"))
    with pytest.raises(RenderError, match="color_space 'ictcp'"):
        studio.render(timeline(track(clip(generator("Slug"), 0, 5))), preset=preset)


def test_a_timeline_of_the_first_guide_needs_nothing_but_asset_ids(studio: Studio) -> None:
    """Seed 000 writes Clip.1 with ``asset_id`` and leaves out what OTIO's own files always have."""
    numbered = studio.media.numbered()

    def bare(start: int) -> Node:
        reference = {"OTIO_SCHEMA": "ExternalReference.1", "asset_id": "a-1"}
        return {"OTIO_SCHEMA": "Clip.1", "source_range": span(start, 5), "media_reference": reference}

    bare_dissolve = {"OTIO_SCHEMA": "Transition.1", "in_offset": time(0), "out_offset": time(0)}
    cut = {
        "OTIO_SCHEMA": "Timeline.1",
        "tracks": stack(track(bare(7), bare_dissolve, bare(60), {"OTIO_SCHEMA": "Gap.1"})),
    }
    result = studio.render(cut, asset_map={"a-1": str(numbered)})
    assert look(result.path).numbers() == [*range(7, 12), *range(60, 65)]


def test_an_id_may_be_written_in_three_ways_and_a_key_may_be_a_url(lower: Lower) -> None:
    red = str(lower.media.clip("red"))
    ours = {"OTIO_SCHEMA": "ExternalReference.1", "metadata": {"deskrun": {"asset_id": "one"}}}
    cut = timeline(track(clip(ours, 0, 5), clip("asset:one", 0, 5), clip("one", 0, 5), gap(1)))
    assert [edges[:2] for edges in cuts(lower(cut, asset_map={"one": red}))] == [(0, 5), (5, 10), (10, 15)]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (23.976, Fraction(24000, 1001)),
        (23.98, Fraction(24000, 1001)),
        (24000 / 1001, Fraction(24000, 1001)),
        (29.97, Fraction(30000, 1001)),
        (119.88, Fraction(120000, 1001)),
        (25.0, Fraction(25)),
        (12.5, Fraction(25, 2)),
    ],
)
def test_rates_are_what_was_meant(written: float, meant: Fraction) -> None:
    assert exact_rate(written) == meant
    assert exact_seconds(otio.opentime.RationalTime(48, written)) == 48 / meant


def test_frames_are_the_nearest_boundary() -> None:
    rate = Fraction(30)
    assert [frame_at(Fraction(n, 60), rate) for n in (0, 1, 2, 3)] == [0, 1, 1, 2]


def test_a_file_url_with_escapes_names_its_file(lower: Lower, media: MediaShelf) -> None:
    spaced = media.folder / "a clip #1.png"
    spaced.write_bytes(media.still("red").read_bytes())
    assert lower(timeline(track(clip(spaced.as_uri(), 0, 5)))).media_files == {Path(spaced)}
