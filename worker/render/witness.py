"""Is there picture and sound where the media has some? A decoder or filter that fails softly gives black or silence.

``pieces.py`` and ``soundtrack.py`` ask before a piece counts. A few places are looked at, and media only where a piece
is black or silent, so the question costs next to nothing.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import av.container
import av.error
from av.audio.resampler import AudioResampler

from worker.render.errors import RenderError
from worker.render.layers import Cut, Look, Shot, Sound
from worker.render.plan import Plan
from worker.render.probe import Media

_LOOKED_AT = 3
_LISTENED_TO = 12
_LISTEN_SECONDS = Fraction(1, 5)
_BLACK, _BRIGHT = 8, 48
"""The lightest of the pixels of a small grey copy, from 0 to 255: no more is black, so much more is a picture."""
_SILENT, _LOUD = 10, 1000
"""The highest of samples up to 32767: a bit of dither, and -30 dBFS."""
_MICROSECONDS = 1_000_000


def refuse_black(piece: Path, plan: Plan) -> None:
    """RenderError ``check_failed`` if a piece of picture is black at a frame whose media is not."""
    for frame, light in _keyframes(piece, plan.rate):
        shot = _plain_shot(plan, frame) if light <= _BLACK else None
        if shot is not None and isinstance(shot.source, Media):
            at = shot.media_start + (frame - shot.start) / plan.rate * shot.speed
            if _light_of(shot.source, at) >= _BRIGHT:
                raise RenderError("check_failed", f"the picture is black where {shot.source.path.name} is not")


def refuse_silence(piece: Path, plan: Plan) -> None:
    """RenderError ``check_failed`` if the soundtrack is silent in the middle of a sound whose media is not."""
    plain = [sound for sound in plan.sounds if _is_plain(sound, plan)]
    for sound in plain[:: max(1, len(plain) // _LISTENED_TO)]:
        media = sound.source
        middle = (sound.end - sound.start) // 2
        if not isinstance(media, Media) or middle / plan.rate < _LISTEN_SECONDS:
            continue
        heard_at = (sound.start + middle) / plan.rate
        played_at = media.start + sound.media_start + (sound.skipped + middle) / plan.rate * sound.speed
        if _peak(piece, 0, heard_at) <= _SILENT and _peak(media.path, media.sound_index or 0, played_at) >= _LOUD:
            raise RenderError("check_failed", f"the sound is silent where {media.path.name} is not")


def _plain_shot(plan: Plan, frame: int) -> Shot | None:
    """The shot on top at ``frame``, if it is shown as it is: nothing in the plan can be why it is black."""
    shown = [span for layer in plan.layers for span in layer.spans if span.start <= frame < span.end]
    if len(shown) != 1 or not isinstance(shown[0], Cut):
        return None
    shot = shown[0].shot
    return shot if shot.look == Look() and shot.speed >= 0 else None


def _is_plain(sound: Sound, plan: Plan) -> bool:
    channel = plan.mixer[sound.track] if sound.track < len(plan.mixer) else None
    mixed = channel is None or (channel.gain_db >= 0 and channel.duck is None)
    as_made = Sound(**{name: getattr(sound, name) for name in _GIVEN}, track=sound.track)
    return mixed and sound == as_made and sound.speed > 0


_GIVEN = ("source", "start", "end", "media_start", "speed", "length", "skipped", "fade_in", "fade_out")
"""The fields of a sound that do not make it quieter in its middle."""


def _keyframes(piece: Path, rate: Fraction) -> Iterator[tuple[int, int]]:
    """Number and lightness of the first pictures that can be decoded alone; RenderError if none can."""
    try:
        with av.open(f"file:{piece}") as container:
            stream = container.streams.video[0]
            stream.codec_context.skip_frame = "NONKEY"
            found = [
                (round((frame.pts or 0) * (frame.time_base or 0) * rate), _light(frame))
                for frame in islice(container.decode(stream), _LOOKED_AT)
            ]
    except (av.error.FFmpegError, OSError) as error:
        raise RenderError("check_failed", f"a piece of the picture cannot be decoded: {error}") from error
    if not found:
        raise RenderError("check_failed", "a piece of the picture cannot be decoded")
    yield from found


def _light_of(media: Media, seconds: Fraction) -> int:
    """Lightness of the picture shown at ``seconds`` of ``media``; 0 if that cannot be told."""
    try:
        with av.open(f"file:{media.path}") as container:
            stream = container.streams.video[0]
            wanted = media.start + (0 if media.duration is None else seconds)
            if media.duration is not None:
                container.seek(int(wanted * _MICROSECONDS), backward=True)
            shown = None
            for frame in container.decode(stream):
                if shown is not None and (frame.pts or 0) * (frame.time_base or 0) > wanted:
                    break
                shown = frame
            return 0 if shown is None else _light(shown)
    except (av.error.FFmpegError, OSError):
        return 0


def _light(frame: av.VideoFrame) -> int:
    small = frame.reformat(width=32, height=18, format="gray")
    plane = small.planes[0]
    data = bytes(plane)
    return max(max(data[row * plane.line_size :][: small.width]) for row in range(small.height))


def _peak(path: Path, stream_index: int, seconds: Fraction) -> int:
    """The highest of the samples after ``seconds``; what cannot be heard counts as loud enough and as silent."""
    try:
        with av.open(f"file:{path}") as container:
            stream = container.streams[stream_index]
            container.seek(int(seconds * _MICROSECONDS), backward=True)
            return max(_samples(container, stream, seconds), default=_SILENT + 1)
    except (av.error.FFmpegError, OSError):
        return _SILENT + 1


def _samples(container: av.container.InputContainer, stream: av.stream.Stream, seconds: Fraction) -> Sequence[int]:
    resampler = AudioResampler(format="s16", layout="mono", rate=8000)
    found: list[int] = []
    for frame in container.decode(stream):
        if not isinstance(frame, av.AudioFrame):
            continue
        at = (frame.pts or 0) * (frame.time_base or 0)
        if at >= seconds + _LISTEN_SECONDS:
            break
        if at >= seconds:
            for part in resampler.resample(frame):
                found += map(abs, memoryview(bytes(part.planes[0])[: part.samples * 2]).cast("h"))
    return found
