"""What a media file is, read with PyAV from a closed list of formats. The planner and the control of assets call it.

Playlists, concat scripts and other formats that name further files are refused: libav would open what they name.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import av.container
import av.error

from schemas.assets import MediaProbe, StreamProbe
from worker.render.errors import RenderError

CONTAINERS = "mov,matroska,webm,avi,mpegts,mpeg,flv,mxf,asf,ogg,ivf,gif,apng,wav,w64,aiff,caf,mp3,aac,flac,ac3,eac3"
"""libav's names of the formats that are read. None of them refers to another file."""

_STILLS = (
    (b"\x89PNG\r\n\x1a\n", "png_pipe"),
    (b"\xff\xd8\xff", "jpeg_pipe"),
    (b"BM", "bmp_pipe"),
    (b"II*\x00", "tiff_pipe"),
    (b"MM\x00*", "tiff_pipe"),
)
_HD_LINES = 720
_UNSPECIFIED = 2
_QUARTER_TURN = 90
_MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class Picture:
    """The video stream of a file. ``width`` x ``height`` is how it is shown: turned upright, with square pixels."""

    stream_index: int
    width: int
    height: int
    rate: Fraction | None
    start: Fraction
    """Timestamp of the first frame in seconds, as the file counts."""
    has_alpha: bool
    assumed_matrix: str | None
    """The YCbCr matrix to assume where the file names none, as ffmpeg's ``scale`` filter calls it."""
    decoder: str | None
    """The decoder to ask for where ffmpeg's own choice would lose the alpha channel."""


@dataclass(frozen=True)
class FrameFiles:
    """A moving picture in numbered files, in order; ``rate`` per second, the first of them being number ``first``.

    Their names are ``prefix``, the number with at least ``digits`` digits, ``suffix``.
    """

    files: tuple[Path, ...]
    prefix: str
    digits: int
    suffix: str
    first: int
    rate: Fraction


@dataclass(frozen=True)
class Media:
    """A readable media file. ``duration`` in seconds from ``start``; None for stills, which last as long as wanted."""

    path: Path
    demuxer: str
    duration: Fraction | None
    start: Fraction
    picture: Picture | None
    sound_index: int | None
    is_mono: bool
    frame_files: FrameFiles | None = None
    """Where this is a sequence of images; ``path`` is the first of them."""

    @property
    def has_sound(self) -> bool:
        """Whether there is an audio stream."""
        return self.sound_index is not None


def probe_media(path: Path) -> MediaProbe:
    """What the header of ``path`` says. RenderError ``unreadable_media`` if it is no media file of a known format."""
    with _opened(path) as container:
        duration = None if _is_still(container) else _duration(container)
        streams = [_stream_probe(stream) for stream in container.streams]
        return MediaProbe(
            container=container.format.name,
            duration_seconds=None if duration is None else float(duration),
            streams=streams,
        )


def read_media(path: Path) -> Media:
    """All that a render needs to know of ``path``; decodes one frame. RenderError ``unreadable_media``."""
    with _opened(path) as container:
        sound = next(iter(container.streams.audio), None)
        video = next((s for s in container.streams.video if not _is_cover(s)), None)
        if video is None and sound is None:
            raise RenderError("unreadable_media", f"{path.name} has neither picture nor sound")
        picture = _picture(container, video) if video is not None else None
        duration = None if _is_still(container) else _duration(container)
        origin = picture.start if picture else _start(sound)
        return Media(
            path=path,
            demuxer=container.format.name.partition(",")[0],
            duration=duration,
            start=origin,
            picture=picture,
            sound_index=None if sound is None else sound.index,
            is_mono=sound is not None and sound.codec_context.channels == 1,
        )


def read_sequence(sequence: FrameFiles) -> Media:
    """A sequence of images as one moving picture; RenderError ``unreadable_media`` if the first is no picture."""
    still = read_media(sequence.files[0])
    if still.picture is None or still.duration is not None:
        raise RenderError("unreadable_media", f"{sequence.files[0].name} is no image")
    return replace(
        still,
        demuxer="image2",
        duration=len(sequence.files) / sequence.rate,
        start=Fraction(0),
        picture=replace(still.picture, rate=sequence.rate, start=Fraction(0)),
        frame_files=sequence,
    )


@contextmanager
def _opened(path: Path) -> Iterator[av.container.InputContainer]:
    still = _still_format(path)
    allowed = {"protocol_whitelist": "file", "format_whitelist": still or CONTAINERS}
    try:
        with av.open(f"file:{path}", format=still, container_options=allowed) as container:
            yield container
    except (av.error.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise RenderError(
            "unreadable_media",
            f"{path.name} is not readable as media: {reason}",
            hint="readable are the usual video, audio and image files; no playlists and no scripts",
        ) from error


def _still_format(path: Path) -> str | None:
    with path.open("rb") as file:
        head = file.read(12)
    if head[:4] == b"RIFF" and head[8:] == b"WEBP":
        return "webp_pipe"
    return next((name for magic, name in _STILLS if head.startswith(magic)), None)


def _is_still(container: av.container.InputContainer) -> bool:
    return container.format.name.endswith("_pipe")


def _is_cover(stream: av.VideoStream) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _start(stream: av.VideoStream | av.AudioStream | None) -> Fraction:
    if stream is None or stream.start_time is None or stream.time_base is None:
        return Fraction(0)
    return stream.start_time * stream.time_base


def _duration(container: av.container.InputContainer) -> Fraction | None:
    """Seconds of the picture, or of the sound where there is none; by reading all packets if no header tells."""
    videos = [stream for stream in container.streams.video if not _is_cover(stream)]
    streams: Sequence[av.VideoStream | av.AudioStream] = videos or container.streams.audio
    if streams and streams[0].duration and streams[0].time_base:
        return streams[0].duration * streams[0].time_base
    if container.duration and container.duration > 0:
        return Fraction(container.duration, _MICROSECONDS)
    end = start = None
    for packet in container.demux(streams[:1]):
        if packet.pts is not None and packet.time_base is not None:
            start = packet.pts * packet.time_base if start is None else start
            end = max(end or start, (packet.pts + (packet.duration or 0)) * packet.time_base)
    return None if start is None or end is None else end - start


def _picture(container: av.container.InputContainer, stream: av.VideoStream) -> Picture:
    frame = next(iter(container.decode(stream)), None)
    if frame is None:
        raise RenderError("unreadable_media", "the file holds no picture that can be decoded")
    aspect = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or Fraction(1)
    width, height = round(frame.width * aspect), frame.height
    if frame.rotation % 180 == _QUARTER_TURN:
        width, height = height, width
    lost_alpha = stream.metadata.get("alpha_mode") == "1" and stream.codec_context.codec.canonical_name
    untagged = int(frame.colorspace) == _UNSPECIFIED and not frame.format.is_rgb
    return Picture(
        stream_index=stream.index,
        width=max(1, width),
        height=max(1, height),
        rate=stream.average_rate or stream.guessed_rate,
        start=_start(stream),
        has_alpha=bool(lost_alpha) or frame.format.has_palette or any(c.is_alpha for c in frame.format.components),
        assumed_matrix=("bt709" if frame.height >= _HD_LINES else "bt601") if untagged else None,
        decoder={"vp8": "libvpx", "vp9": "libvpx-vp9"}.get(lost_alpha or ""),
    )


def _stream_probe(stream: av.stream.Stream) -> StreamProbe:
    kind = stream.type if stream.type in {"video", "audio", "subtitle"} else "data"
    codec = stream.codec_context.codec.canonical_name if stream.codec_context else "unknown"
    if isinstance(stream, av.VideoStream):
        rate = stream.average_rate or stream.guessed_rate
        return StreamProbe(
            kind=kind,
            codec=codec,
            width=stream.codec_context.width,
            height=stream.codec_context.height,
            frame_rate=None if rate is None else float(rate),
        )
    if isinstance(stream, av.AudioStream):
        context = stream.codec_context
        return StreamProbe(kind=kind, codec=codec, sample_rate=context.sample_rate, channels=context.channels)
    return StreamProbe(kind=kind, codec=codec)
