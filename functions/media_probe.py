"""Reads a media file's header with PyAV, from a seekable stream. Called by ``on_object_finalized``.

Only the bytes the demuxer asks for are read, so a large object costs a few range requests.
"""

from fractions import Fraction
from typing import BinaryIO

import av
import av.error

from schemas.assets import MediaProbe, StreamProbe

FORMATS = (
    "mov,matroska,webm,avi,mpegts,mpeg,flv,mxf,ogg,gif,wav,aiff,mp3,aac,flac,png_pipe,jpeg_pipe,webp_pipe,bmp_pipe"
)
"""libav's names of the formats that are read. None of them refers to another file: a concat script or a playlist by
whatever name would otherwise make libav open what it names, on this machine or elsewhere."""

_CLOSED = {"format_whitelist": FORMATS, "protocol_whitelist": ""}


def probe(stream: BinaryIO) -> MediaProbe | None:
    """What the file holds; None when it is no media file of a known format."""
    try:
        with av.open(stream, mode="r", metadata_errors="ignore", container_options=_CLOSED) as container:
            is_still = container.format.name.endswith("_pipe")
            duration = None if is_still else container.duration
            return MediaProbe(
                container=container.format.name,
                duration_seconds=None if duration is None else duration / av.time_base,
                streams=[_stream(s) for s in container.streams],
            )
    except (av.error.FFmpegError, UnicodeDecodeError):
        return None


def _stream(stream: "av.stream.Stream") -> StreamProbe:
    context = stream.codec_context
    codec = context.name if context is not None else "unknown"
    if isinstance(stream, av.VideoStream):
        return StreamProbe(
            kind="video", codec=codec, width=stream.width, height=stream.height, frame_rate=_rate(stream.average_rate)
        )
    if isinstance(stream, av.AudioStream):
        return StreamProbe(kind="audio", codec=codec, sample_rate=stream.rate, channels=stream.channels)
    return StreamProbe(kind=stream.type, codec=codec)


def _rate(rate: Fraction | None) -> float | None:
    return float(rate) if rate else None
