"""A preset as encoder arguments: encoder, rate control, colours, container. The engine calls ``encodings``.

Threads are always said: x264's output depends on their number, and the same plan must give the same bytes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from schemas.presets import AudioCodec, OutputContainer, RenderPreset, VideoCodec, VideoSettings
from worker.render.errors import RenderError
from worker.render.plan import Plan

STATISTICS = "statistics"
"""Base name of the two-pass statistics in the work folder."""

_SOFTWARE: dict[VideoCodec, tuple[str, ...]] = {
    VideoCodec.H264: ("libx264",),
    VideoCodec.H265: ("libx265",),
    VideoCodec.PRORES: ("prores_ks",),
    VideoCodec.VP9: ("libvpx-vp9",),
    VideoCodec.AV1: ("libsvtav1", "libaom-av1"),
}
_HARDWARE: dict[VideoCodec, tuple[str, ...]] = {
    VideoCodec.H264: ("h264_nvenc", "h264_qsv", "h264_amf", "h264_videotoolbox"),
    VideoCodec.H265: ("hevc_nvenc", "hevc_qsv", "hevc_amf", "hevc_videotoolbox"),
    VideoCodec.AV1: ("av1_nvenc", "av1_qsv", "av1_amf"),
}
_AUDIO = {AudioCodec.AAC: "aac", AudioCodec.MP3: "libmp3lame", AudioCodec.OPUS: "libopus"}
_APPLE = {OutputContainer.MP4, OutputContainer.MOV}
_MUXERS = {
    OutputContainer.MP4: ("mp4", "-movflags", "+faststart"),
    OutputContainer.MOV: ("mov", "-movflags", "+faststart"),
    OutputContainer.MKV: ("matroska",),
    OutputContainer.WEBM: ("webm",),
}
_SUBTITLES = {
    OutputContainer.MP4: "mov_text",
    OutputContainer.MOV: "mov_text",
    OutputContainer.MKV: "subrip",
    OutputContainer.WEBM: "webvtt",
}
_FEWEST_TICKS = 10_000
"""Per second, in a file's clock: enough for players that take the clock for a frame rate."""

SPEEDS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
_VPX_CPU_USED = (8, 7, 6, 5, 4, 2, 1, 1, 0)
_AOM_CPU_USED = (8, 8, 7, 6, 5, 4, 3, 2, 1)
_SVT_PRESET = (12, 11, 10, 9, 8, 7, 5, 3, 2)

_PRORES_422 = (("proxy", 45), ("lt", 102), ("standard", 147), ("hq", 220))
_PRORES_444 = (("4444", 330), ("4444xq", 500))
"""Target megabits per second of each profile at 1920x1080 and 30000/1001 (Apple ProRes White Paper)."""
_PRORES_REFERENCE = 1920 * 1080 * Fraction(30000, 1001)

_COLOR_SPACES = {"bt709", "smpte170m", "bt470bg", "smpte240m", "fcc", "bt2020nc"}
"""The matrices that frames can be converted to; primaries and transfer are tags only."""


@dataclass(frozen=True)
class Encoding:
    """One way to encode a plan. ``passes`` are the video arguments of each run of ffmpeg, in order.

    ``piece`` and ``sound`` write a part of the picture and the whole sound to files of their own, with the picture's
    clock of ``ticks`` per frame, and ``joined`` writes both, copied, as the output. ``why`` is for people.
    """

    encoder: str
    is_hardware: bool
    why: str
    passes: tuple[tuple[str, ...], ...]
    audio: tuple[str, ...]
    piece: tuple[str, ...]
    sound: tuple[str, ...]
    joined: tuple[str, ...]
    subtitles: str
    ticks: int

    @property
    def can_be_cut(self) -> bool:
        """Whether the picture may be encoded piece by piece: two passes divide one bitrate over the whole of it."""
        return len(self.passes) == 1


def encodings(
    preset: RenderPreset, plan: Plan, problem_of: Callable[[str], str | None], *, threads: int
) -> list[Encoding]:
    """The encodings to try, in order: a working hardware encoder where the preset allows one, then software.

    ``problem_of`` tells why an encoder does not work here (None: it does). RenderError ``encoder_failed`` if none does.
    """
    video = preset.video
    if video.color_space not in _COLOR_SPACES:
        known = ", ".join(sorted(_COLOR_SPACES))
        raise RenderError("bad_manifest", f"color_space {video.color_space!r} is not supported; there are {known}")
    audio_encoder = _AUDIO[preset.audio.codec]
    # Quality scales differ from one hardware to the next; only a bitrate means the same everywhere.
    hardware = _HARDWARE.get(video.codec, ()) if preset.use_gpu and video.bitrate and not video.two_pass else ()
    chosen = [name for name in hardware if problem_of(name) is None][:1]
    software = _SOFTWARE[video.codec]
    if video.two_pass:
        software = tuple(name for name in software if name != "libsvtav1")
    reasons = {name: problem_of(name) for name in (*software, audio_encoder)}
    chosen += [name for name in software if reasons[name] is None][:1]
    if not chosen or reasons[audio_encoder] is not None:
        failed = "; ".join(f"{name}: {reason}" for name, reason in reasons.items() if reason)
        raise RenderError("encoder_failed", f"this ffmpeg cannot encode the preset: {failed}")
    return [_encoding(name, preset, plan, threads) for name in chosen]


def _why(encoder: str, preset: RenderPreset) -> str:
    if encoder in _HARDWARE.get(preset.video.codec, ()):
        return "the preset allows hardware, and it encoded a test picture here"
    if not preset.use_gpu:
        return "the preset does not ask for hardware"
    if preset.video.two_pass or not preset.video.bitrate:
        return "hardware is used only for one pass to a bitrate: its scales of quality differ"
    return "no hardware encoder works here"


def _encoding(encoder: str, preset: RenderPreset, plan: Plan, threads: int) -> Encoding:
    video, audio = preset.video, preset.audio
    is_hardware = encoder in _HARDWARE.get(video.codec, ())
    common = [
        *("-c:v", encoder, "-pix_fmt", video.pixel_format),
        *("-color_primaries", video.color_primaries, "-color_trc", video.color_trc),
        *("-colorspace", video.color_space, "-color_range", "tv"),
        *("-flags:v", "+cgop"),  # no picture may lean on one before its piece
    ]
    # What Apple's players ask for.
    tag = ("-tag:v", "hvc1") if video.codec is VideoCodec.H265 and video.container in _APPLE else ()
    if is_hardware:
        common += ["-b:v", str(video.bitrate)]
        passes: tuple[tuple[str, ...], ...] = (tuple(common),)
    else:
        common += _threads(encoder, threads)
        numbers = (1, 2) if video.two_pass and encoder != "prores_ks" else (0,)
        passes = tuple((*common, *_software(encoder, video, plan, run=number, threads=threads)) for number in numbers)
    clock, ticks = _clock(plan.rate)
    muxer = ("-fflags", "+bitexact", "-f", *_MUXERS[video.container])
    return Encoding(
        encoder=encoder,
        is_hardware=is_hardware,
        why=_why(encoder, preset),
        passes=passes,
        audio=(
            *("-c:a", _AUDIO[audio.codec], "-b:a", audio.bitrate),
            *("-ar", str(audio.sample_rate), "-ac", str(audio.channels)),
        ),
        # Apple's format keeps exact times, which Matroska rounds to milliseconds.
        piece=("-f", "mov" if video.codec is VideoCodec.PRORES else "mp4", "-video_track_timescale", str(clock)),
        sound=("-f", "mp4" if video.container in _APPLE else "matroska"),
        joined=(*tag, *(("-video_track_timescale", str(clock)) if video.container in _APPLE else ()), *muxer),
        subtitles=_SUBTITLES[video.container],
        ticks=ticks,
    )


def _clock(rate: Fraction) -> tuple[int, int]:
    """Ticks per second of the file's clock, and ticks per frame."""
    factor = 1
    while rate.numerator * factor < _FEWEST_TICKS:
        factor *= 2
    return rate.numerator * factor, rate.denominator * factor


def _threads(encoder: str, threads: int) -> list[str]:
    if encoder == "libx265":  # x265 has its own pool, see below
        return []
    if encoder == "libsvtav1":
        return ["-svtav1-params", f"lp={threads}"]
    return ["-threads", str(threads)]


def _software(encoder: str, video: VideoSettings, plan: Plan, *, run: int, threads: int) -> list[str]:
    """Speed and rate control; ``run`` is 1 or 2 in a two-pass encode, else 0."""
    if encoder == "prores_ks":
        return ["-profile:v", prores_profile(video, plan), "-vendor", "apl0"]
    speed = SPEEDS.index(video.preset)
    arguments = _rate_control(encoder, video)
    if encoder == "libx265":
        parameters = [f"pools={threads}", f"frame-threads={min(threads, 4)}"]
        parameters += [f"pass={run}", f"stats={STATISTICS}.x265"] if run else []
        arguments += ["-preset", video.preset]
        return [*arguments, "-x265-params", ":".join(["log-level=error", *parameters])]
    arguments += {
        # Headers that depend on nothing but the arguments, so that pieces join.
        "libx264": ["-preset", video.preset, "-x264-params", "stitchable=1"],
        "libvpx-vp9": ["-deadline", "good", "-cpu-used", str(min(5, _VPX_CPU_USED[speed])), "-row-mt", "1"],
        "libsvtav1": ["-preset", str(_SVT_PRESET[speed])],
        "libaom-av1": ["-cpu-used", str(_AOM_CPU_USED[speed]), "-row-mt", "1"],
    }[encoder]
    return [*arguments, "-pass", str(run), "-passlogfile", STATISTICS] if run else arguments


def _rate_control(encoder: str, video: VideoSettings) -> list[str]:
    """A crf with a bitrate is a quality with a ceiling; two passes aim at the bitrate."""
    if video.two_pass or video.crf is None:
        arguments = ["-b:v", video.bitrate] if video.bitrate else []
        # libvpx and libaom take the quality as a bound in their two-pass mode, too.
        bounded = video.crf is not None and encoder in {"libvpx-vp9", "libaom-av1"}
        return [*arguments, "-crf", str(video.crf)] if bounded else arguments
    arguments = ["-crf", str(video.crf)]
    if encoder in {"libvpx-vp9", "libaom-av1"}:
        return [*arguments, "-b:v", video.bitrate or "0"]
    return [*arguments, "-maxrate", video.bitrate, "-bufsize", _doubled(video.bitrate)] if video.bitrate else arguments


def _doubled(bitrate: str) -> str:
    """Twice the bitrate: the usual two seconds of buffer."""
    digits = bitrate.rstrip("kKM")
    return f"{int(digits) * 2}{bitrate[len(digits) :]}"


def prores_profile(video: VideoSettings, plan: Plan) -> str:
    """The profile whose target rate, at this size and frame rate, is nearest to the preset's bitrate; without one, HQ.

    ProRes has fixed rates per profile. Pictures with 4:4:4 or alpha have profiles of their own.
    """
    profiles = _PRORES_444 if "444" in video.pixel_format else _PRORES_422
    if video.bitrate is None:
        return "4444" if profiles is _PRORES_444 else "hq"
    wanted = bits_per_second(video.bitrate)
    scale = plan.width * plan.height * plan.rate / _PRORES_REFERENCE * 1_000_000
    return min(profiles, key=lambda profile: abs(profile[1] * scale - wanted))[0]


def bits_per_second(bitrate: str) -> int:
    """``8M`` or ``192k`` as a number."""
    digits = bitrate.rstrip("kKM")
    return int(digits) * {"": 1, "k": 1000, "K": 1000, "M": 1_000_000}[bitrate[len(digits) :]]
