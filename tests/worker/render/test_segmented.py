"""What is put together from pieces is what one pass would have made: frames, samples, times."""

import math
from array import array
from fractions import Fraction
from pathlib import Path

import av
import pytest

from schemas.presets import AudioCodec, AudioSettings, OutputContainer, RenderPreset, VideoCodec, VideoSettings
from tests.worker.render.cuts import Node, clip, dissolve, gap, generator, timeline, track
from tests.worker.render.desk import LOSSLESS, USUAL, EngineDesk
from worker.render.segments import segments


def busy_cut(desk: EngineDesk) -> Node:
    """Cuts, a dissolve, an overlay, a gap, sounds that cross the cuts: six seconds in five or more pieces."""
    numbered, red, music = desk.media.numbered(), desk.media.clip("red"), desk.media.sound(660, seconds=6)
    return timeline(
        track(
            clip(numbered, 0, 50), dissolve(8, 7), clip(red, 15, 40), gap(10), clip(numbered, 33, 45), clip(red, 0, 35)
        ),
        track(gap(70), clip(desk.media.still("blue@0.5", size="80x44"), 0, 40)),
        track(clip(music, 0, 170), kind="Audio"),
        track(gap(5), clip(numbered, 5, 60), dissolve(5, 5), clip(red, 10, 40), kind="Audio"),
    )


def frames_of(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        planes = []
        for frame in container.decode(video=0):
            rows = []
            for plane in frame.planes:
                data = bytes(plane)
                rows += [data[row * plane.line_size :][: plane.width] for row in range(plane.height)]
            planes.append(b"".join(rows))
        return planes


def samples_of(path: Path) -> bytes:
    with av.open(str(path)) as container:
        return b"".join(
            bytes(plane)[: frame.samples * 4] for frame in container.decode(audio=0) for plane in frame.planes
        )


def psnr(one: bytes, other: bytes) -> float:
    error = sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) / len(one)
    return 10 * math.log10(255**2 / error) if error else math.inf


def test_a_lossless_render_in_pieces_is_the_one_pass_bit_for_bit(desk: EngineDesk) -> None:
    cut = busy_cut(desk)
    assert len(segments(desk.plan(cut), lambda _: "0")) >= 4
    joined, one_pass = desk.render(cut, preset=LOSSLESS), desk.one_pass(cut, LOSSLESS)
    assert frames_of(joined) == frames_of(one_pass)
    assert samples_of(joined) == samples_of(one_pass)


def test_at_the_usual_quality_every_frame_is_as_good_as_in_one_pass(desk: EngineDesk) -> None:
    cut = busy_cut(desk)
    joined, one_pass = frames_of(desk.render(cut)), frames_of(desk.one_pass(cut))
    assert len(joined) == len(one_pass) == 180
    assert min(psnr(a, b) for a, b in zip(joined, one_pass, strict=True)) >= 36


@pytest.mark.parametrize("rate", [25, 29.97, 23.976])
def test_every_frame_has_its_own_time_to_the_tick(desk: EngineDesk, rate: float) -> None:
    video = VideoSettings(framerate=rate, preset="medium")
    path = desk.render(busy_cut(desk), preset=RenderPreset(name="p", video=video))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        exact = stream.average_rate or Fraction(0)
        packets = [packet for packet in container.demux(stream) if packet.pts is not None]
        assert exact == {25: 25, 29.97: Fraction(30000, 1001), 23.976: Fraction(24000, 1001)}[rate]
        times = sorted((packet.pts or 0) * Fraction(packet.time_base) for packet in packets)
        assert times == [number / exact for number in range(len(packets))]
        decoding = [packet.dts for packet in packets if packet.dts is not None]
        assert decoding == sorted(set(decoding))
        assert stream.start_time == 0


CODECS = [
    (VideoCodec.H265, OutputContainer.MP4, "yuv420p10le", AudioCodec.AAC),
    (VideoCodec.PRORES, OutputContainer.MOV, "yuv422p10le", AudioCodec.AAC),
    (VideoCodec.VP9, OutputContainer.WEBM, "yuv420p", AudioCodec.OPUS),
    (VideoCodec.AV1, OutputContainer.MKV, "yuv420p10le", AudioCodec.OPUS),
    (VideoCodec.H264, OutputContainer.MKV, "yuv420p", AudioCodec.MP3),
]


@pytest.mark.parametrize(("codec", "container", "pixels", "sound"), CODECS)
def test_every_codec_and_container_is_joined_alike(
    desk: EngineDesk, codec: VideoCodec, container: OutputContainer, pixels: str, sound: AudioCodec
) -> None:
    crf = None if codec is VideoCodec.PRORES else 20
    video = VideoSettings(codec=codec, container=container, pixel_format=pixels, crf=crf, preset="ultrafast")
    preset = RenderPreset(name="p", video=video, audio=AudioSettings(codec=sound, bitrate="96k"))
    cut = timeline(track(clip(desk.media.numbered(), 0, 40), clip(desk.media.clip("red"), 0, 31)))
    joined, one_pass = desk.render(cut, preset=preset), desk.one_pass(cut, preset)
    assert len(frames_of(joined)) == len(frames_of(one_pass)) == 71
    assert abs(len(samples_of(joined)) - len(samples_of(one_pass))) <= 4 * 2 * 48  # Matroska counts milliseconds
    again = EngineDesk(desk.media, desk.folder, type(desk.cache)(desk.folder / "other cache"))
    assert again.render(cut, preset=preset, output="again").read_bytes() == joined.read_bytes()


def test_pieces_of_one_frame_join_with_long_ones(desk: EngineDesk) -> None:
    slug = generator("Slug")
    cut = timeline(track(clip(desk.media.numbered(), 0, 40), clip(slug, 0, 1), clip(desk.media.numbered(), 40, 31)))
    path = desk.render(cut, preset=USUAL.model_copy(update={"video": VideoSettings(preset="medium")}))
    assert len(frames_of(path)) == 72


def test_a_mute_loudness_and_sample_counts(desk: EngineDesk) -> None:
    cut = timeline(track(clip(generator("Slug"), 0, 45)))
    samples = array("f", samples_of(desk.render(cut)))
    assert len(samples) // 2 in range(48000 * 45 // 30, 48000 * 45 // 30 + 2048)
    assert max(map(abs, samples)) < 1e-4
