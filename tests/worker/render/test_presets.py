"""Every built-in preset, probed: codec, container, pixel format, colour tags, sound, and what the encoder was told."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from schemas.presets import (
    BUILT_IN_PRESETS,
    HIGH_QUALITY_EXPORT,
    MAXIMUM_QUALITY_EXPORT,
    PRORES_MASTER_EXPORT,
    STANDARD_EXPORT,
    VP9_STREAMING_EXPORT,
    AudioSettings,
    OutputContainer,
    RenderPreset,
    VideoCodec,
    VideoSettings,
)
from tests.worker.render.cuts import Studio, clip, dissolve, generator, manifest, timeline, track
from worker.render.encode import encodings, prores_profile
from worker.render.errors import RenderError
from worker.render.plan import Plan, plan

BT709 = 1
LIMITED = 1

EXPECTED = {
    "Draft Preview": ("mov", "h264", "yuv420p", "aac", 128_000),
    "Standard Export": ("mov", "h264", "yuv420p", "aac", 192_000),
    "High Quality Export": ("mov", "h264", "yuv420p", "aac", 256_000),
    "Maximum Quality Export": ("mov", "hevc", "yuv420p10le", "aac", 320_000),
    "ProRes Master Export": ("mov", "prores", "yuv422p10le", "aac", 320_000),
    "VP9 Streaming Export": ("matroska", "vp9", "yuv420p", "opus", None),
    "AV1 Streaming Export": ("matroska", "av1", "yuv420p10le", "opus", None),
}


def small(studio: Studio) -> dict[str, Any]:
    return timeline(track(clip(studio.media.numbered(), 0, 8), dissolve(2, 2), clip(studio.media.clip("red"), 5, 8)))


@pytest.mark.parametrize("name", BUILT_IN_PRESETS)
def test_a_built_in_preset_is_what_its_file_is(studio: Studio, name: str) -> None:
    result = studio.render(small(studio), preset=BUILT_IN_PRESETS[name])
    container_name, video, pixels, audio, _ = EXPECTED[name]
    with av.open(str(result.path)) as container:
        picture, sound = container.streams.video[0], container.streams.audio[0]
        assert container_name in container.format.name
        assert picture.codec_context.codec.canonical_name == video == result.video_codec
        assert picture.codec_context.pix_fmt == pixels
        assert sound.codec_context.codec.canonical_name == audio
        assert (sound.codec_context.sample_rate, sound.codec_context.channels) == (48000, 2)
        assert picture.average_rate == 30
        size = (1280, 720) if name == "Draft Preview" else (160, 90)
        assert (picture.codec_context.width, picture.codec_context.height) == size
        frame = next(container.decode(picture))
        tags = (int(frame.colorspace), int(frame.color_primaries), int(frame.color_trc), int(frame.color_range))
        assert tags == (BT709, BT709, BT709, LIMITED)
    assert result.frame_count == 16


def test_mp4_starts_with_its_index_and_names_no_source_metadata(studio: Studio) -> None:
    located = studio.media.folder / "located.mp4"
    studio.media.run(
        [
            "-i",
            str(studio.media.clip("red")),
            "-c",
            "copy",
            "-metadata",
            "location=+52.5-013.4/",
            "-metadata",
            "title=secret",
            "-movflags",
            "use_metadata_tags",
            str(located),
        ]
    )
    result = studio.render(timeline(track(clip(located, 0, 10))), preset=STANDARD_EXPORT)
    head = result.path.read_bytes()
    assert head.index(b"moov") < head.index(b"mdat")
    assert b"secret" not in head
    assert b"+52.5" not in head


def arguments(preset: RenderPreset, the_plan: Plan, broken: set[str] = frozenset()) -> list[tuple[str, list[str]]]:  # type: ignore[assignment]
    found = encodings(preset, the_plan, lambda name: "no such device" if name in broken else None, threads=2)
    return [(one.encoder, [" ".join(run) for run in one.passes]) for one in found]


HARDWARE = {f"{codec}_{api}" for codec in ("h264", "hevc", "av1") for api in ("nvenc", "qsv", "amf", "videotoolbox")}


@pytest.fixture
def the_plan(tmp_path: Path) -> Plan:
    return plan(manifest(timeline(track(clip(generator("Slug"), 0, 30)))), [tmp_path])


def test_quality_has_a_ceiling_and_two_passes_a_target(the_plan: Plan) -> None:
    [(encoder, [once])] = arguments(STANDARD_EXPORT, the_plan)
    assert encoder == "libx264"
    assert "-crf 23 -maxrate 8M -bufsize 16M" in once
    assert "-preset medium" in once
    [(encoder, [first, second])] = arguments(MAXIMUM_QUALITY_EXPORT, the_plan)
    assert encoder == "libx265"
    assert ("pass=1" in first, "pass=2" in second) == (True, True)
    assert "-b:v 25M" in second
    assert "-crf" not in second
    [(encoder, [first, second])] = arguments(VP9_STREAMING_EXPORT, the_plan)
    assert ("-pass 1" in first, "-pass 2" in second, "-b:v 8M -crf 30" in second) == (True, True, True)


def test_hardware_is_used_only_where_allowed_working_and_asked_for_by_bitrate(the_plan: Plan) -> None:
    assert [name for name, _ in arguments(HIGH_QUALITY_EXPORT, the_plan)] == ["h264_nvenc", "libx264"]
    assert [name for name, _ in arguments(HIGH_QUALITY_EXPORT, the_plan, HARDWARE)] == ["libx264"]
    assert [name for name, _ in arguments(STANDARD_EXPORT, the_plan)] == ["libx264"]
    by_quality = RenderPreset(name="p", video=VideoSettings(), audio=AudioSettings(), use_gpu=True)
    assert [name for name, _ in arguments(by_quality, the_plan)] == ["libx264"]


def test_an_encoder_that_does_not_work_is_named(the_plan: Plan) -> None:
    with pytest.raises(RenderError, match="libx264: no such device") as caught:
        arguments(STANDARD_EXPORT, the_plan, {"libx264"})
    assert caught.value.code == "encoder_failed"


def test_av1_in_two_passes_takes_the_encoder_that_can(the_plan: Plan) -> None:
    video = VideoSettings(codec=VideoCodec.AV1, container=OutputContainer.MKV, bitrate="2M", two_pass=True)
    [(encoder, runs)] = arguments(RenderPreset(name="p", video=video), the_plan)
    assert (encoder, len(runs)) == ("libaom-av1", 2)


@pytest.mark.parametrize(
    ("width", "height", "rate", "profile"),
    [(1920, 1080, 24, "standard"), (1920, 1080, 30, "lt"), (1280, 720, 30, "hq"), (3840, 2160, 24, "proxy")],
)
def test_prores_takes_the_profile_nearest_to_the_bitrate(
    the_plan: Plan, width: int, height: int, rate: int, profile: str
) -> None:
    sized = replace(the_plan, width=width, height=height, rate=Fraction(rate))
    assert prores_profile(PRORES_MASTER_EXPORT.video, sized) == profile


def test_a_pixel_format_the_encoder_cannot_do_is_refused_not_replaced(studio: Studio) -> None:
    video = VideoSettings(codec=VideoCodec.PRORES, container=OutputContainer.MOV, crf=None, pixel_format="yuv420p")
    with pytest.raises(RenderError) as caught:
        studio.render(small(studio), preset=RenderPreset(name="p", video=video))
    assert caught.value.code in {"check_failed", "encoder_failed"}
    assert not list(studio.folder.iterdir())
