"""Is the output what was asked for? An exit code proves nothing. The engine calls ``check_output`` before renaming."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.container
import av.error

from schemas.presets import AudioCodec, RenderPreset, VideoCodec
from worker.render.errors import RenderError
from worker.render.plan import Plan

_VIDEO_NAMES = {VideoCodec.H265: "hevc"}
_AUDIO_NAMES = {AudioCodec.MP3: "mp3"}
_SOUND_SLACK_SECONDS = Fraction(1, 10)
"""Encoders pad sound to whole packets, and containers do not always say how much of it is padding."""
_MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class Checked:
    """What the file was seen to be."""

    frame_count: int
    duration_seconds: float
    video_codec: str


@dataclass(frozen=True)
class CheckedPiece:
    """What joining a piece of picture asks for: see ``cache.Note``."""

    reorder: int
    header: str


def check_piece(path: Path, frames: int, rate: Fraction) -> CheckedPiece:
    """Every frame of a piece of picture is there, once and in its place, and the first is a beginning; RenderError."""
    try:
        with av.open(f"file:{path}") as container:
            stream = container.streams.video[0]
            packets = [packet for packet in container.demux(stream) if packet.pts is not None]
            header = hashlib.sha256(stream.codec_context.extradata or b"").hexdigest()
            shown = [round((packet.pts or 0) * (packet.time_base or 0) * rate) for packet in packets]
    except (av.error.FFmpegError, OSError, IndexError) as error:
        raise RenderError("check_failed", f"a piece of the picture cannot be read: {error}") from error
    if sorted(shown) != list(range(frames)) or not packets[0].is_keyframe:
        raise RenderError("check_failed", f"a piece of the picture has {len(shown)} frames in its place, not {frames}")
    return CheckedPiece(max(index - frame for index, frame in enumerate(shown)), header)


def check_output(path: Path, plan: Plan, preset: RenderPreset) -> Checked:
    """Count the packets, decode the first and the last pictures; RenderError ``check_failed`` names all differences."""
    try:
        with av.open(f"file:{path}") as container:
            checked, wrong = _compare(container, plan, preset)
    except (av.error.FFmpegError, OSError, IndexError) as error:
        raise RenderError("check_failed", f"the output cannot be read: {error}") from error
    if wrong:
        raise RenderError("check_failed", "the output is not what was asked for: " + "; ".join(wrong))
    return checked


def _compare(container: av.container.InputContainer, plan: Plan, preset: RenderPreset) -> tuple[Checked, list[str]]:
    picture, sound = container.streams.video[0], container.streams.audio[0]
    frames, shown, heard = _extent(container, picture, sound)
    context = picture.codec_context
    codec = context.codec.canonical_name
    wanted_codec = _VIDEO_NAMES.get(preset.video.codec, preset.video.codec.value)
    wanted_sound = _AUDIO_NAMES.get(preset.audio.codec, preset.audio.codec.value)
    wanted_seconds = plan.frames / plan.rate
    frame = 1 / plan.rate
    facts = [
        ("video codec", codec, wanted_codec),
        ("pixel format", context.pix_fmt, preset.video.pixel_format),
        ("size", f"{context.width}x{context.height}", f"{plan.width}x{plan.height}"),
        ("audio codec", sound.codec_context.codec.canonical_name, wanted_sound),
        ("sample rate", sound.codec_context.sample_rate, preset.audio.sample_rate),
        ("channels", sound.codec_context.channels, preset.audio.channels),
        ("frames", frames, plan.frames),
    ]
    wrong = [f"{name} is {is_}, not {wanted}" for name, is_, wanted in facts if is_ != wanted]
    if abs(shown - wanted_seconds) > frame:
        wrong.append(f"the picture lasts {float(shown):.3f} s, not {float(wanted_seconds):.3f} s")
    if abs(heard - wanted_seconds) > max(frame, _SOUND_SLACK_SECONDS):
        wrong.append(f"the sound lasts {float(heard):.3f} s, not {float(wanted_seconds):.3f} s")
    wrong += _undecodable(container, picture)
    return Checked(frames, float(shown), codec), wrong


def _extent(
    container: av.container.InputContainer, picture: av.VideoStream, sound: av.AudioStream
) -> tuple[int, Fraction, Fraction]:
    """Number of pictures, and seconds of picture and of sound, by reading every packet and decoding none."""
    frames = 0
    spans = {picture.index: [Fraction(10**9), Fraction(0)], sound.index: [Fraction(10**9), Fraction(0)]}
    for packet in container.demux(picture, sound):
        if packet.pts is None or packet.time_base is None:
            continue
        frames += packet.stream_index == picture.index
        span = spans[packet.stream_index]
        span[0] = min(span[0], packet.pts * packet.time_base)
        span[1] = max(span[1], (packet.pts + (packet.duration or 0)) * packet.time_base)
    shown, heard = (span[1] - span[0] for span in spans.values())
    return frames, shown, heard


def _undecodable(container: av.container.InputContainer, picture: av.VideoStream) -> Iterator[str]:
    for name, offset in (("first", 0), ("last", container.duration or 0)):
        container.seek(offset, backward=True)
        frames = container.decode(picture)
        decoded = next(frames, None) if name == "first" else max(frames, key=lambda frame: frame.pts or 0, default=None)
        if decoded is None or decoded.is_corrupt:
            yield f"the {name} picture cannot be decoded"
