"""Reads a media file's header with PyAV, from a seekable stream. Called by ``on_object_finalized``.

Only the bytes the demuxer asks for are read, so a large object costs a few range requests.
"""

from fractions import Fraction
from typing import BinaryIO

import av
import av.error

from schemas.assets import MediaProbe, StreamProbe

_CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2 matroska,webm mp3 wav flac ogg aac avi mpegts mpeg image2 png_pipe jpeg_pipe gif webp_pipe"
)
_STILLS = {"image2", "png_pipe", "jpeg_pipe", "webp_pipe"}


def probe(stream: BinaryIO) -> MediaProbe | None:
    """What the file holds; None when it is no media file that we read.

    Formats that name other files (playlists, concatenations) are refused: a header must not make us open anything.
    """
    try:
        with av.open(stream, mode="r", metadata_errors="ignore") as container:
            if container.format.name not in _CONTAINERS.split(" "):
                return None
            duration = None if container.format.name in _STILLS else container.duration
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
