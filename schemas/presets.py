"""Render presets: codec, container and quality settings, and the seven built-in ones (seed-origins A1)."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from schemas.message import Answer, Request

Bitrate = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,6}[kKM]?$")]
"""Bits per second as ffmpeg writes it: ``8M``, ``192k``."""

EncoderSpeed = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"]
"""x264's names; other encoders are given their nearest setting."""

ColorName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,32}$")]


class VideoCodec(StrEnum):
    """Video codecs a render can be asked for."""

    H264 = "h264"
    H265 = "h265"
    PRORES = "prores"
    VP9 = "vp9"
    AV1 = "av1"


class OutputContainer(StrEnum):
    """File formats; the value is also the file extension."""

    MP4 = "mp4"
    MOV = "mov"
    MKV = "mkv"
    WEBM = "webm"


class AudioCodec(StrEnum):
    """Audio codecs a render can be asked for."""

    AAC = "aac"
    MP3 = "mp3"
    OPUS = "opus"


class RenderQuality(StrEnum):
    """How a preset presents itself to people; it changes no pixel."""

    DRAFT = "draft"
    STANDARD = "standard"
    HIGH = "high"
    MAXIMUM = "maximum"


CONTENT_TYPES: dict[OutputContainer, str] = {
    OutputContainer.MP4: "video/mp4",
    OutputContainer.MOV: "video/quicktime",
    OutputContainer.MKV: "video/x-matroska",
    OutputContainer.WEBM: "video/webm",
}

_CODECS_OF: dict[OutputContainer, tuple[set[VideoCodec], set[AudioCodec]]] = {
    OutputContainer.MP4: (
        {VideoCodec.H264, VideoCodec.H265, VideoCodec.VP9, VideoCodec.AV1},
        {AudioCodec.AAC, AudioCodec.MP3, AudioCodec.OPUS},
    ),
    OutputContainer.MOV: (
        {VideoCodec.H264, VideoCodec.H265, VideoCodec.PRORES},
        {AudioCodec.AAC, AudioCodec.MP3},
    ),
    OutputContainer.MKV: (set(VideoCodec), set(AudioCodec)),
    OutputContainer.WEBM: ({VideoCodec.VP9, VideoCodec.AV1}, {AudioCodec.OPUS}),
}


class VideoSettings(Request):
    """How the picture is encoded. ``None`` for a size or rate takes the source's (first clip) or the timeline's."""

    codec: VideoCodec = VideoCodec.H264
    container: OutputContainer = OutputContainer.MP4
    width: int | None = Field(default=None, ge=16, le=8192)
    height: int | None = Field(default=None, ge=16, le=8192)
    framerate: float | None = Field(default=None, gt=0, le=240)
    bitrate: Bitrate | None = None
    crf: int | None = Field(default=23, ge=0, le=63)
    preset: EncoderSpeed = "medium"
    pixel_format: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{3,16}$")] = "yuv420p"
    two_pass: bool = False
    color_space: ColorName = "bt709"
    color_primaries: ColorName = "bt709"
    color_trc: ColorName = "bt709"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.two_pass and self.bitrate is None:
            raise ValueError("two_pass needs a bitrate")
        if self.codec not in _CODECS_OF[self.container][0]:
            raise ValueError(f"{self.container} cannot hold {self.codec} video")
        if (self.width is None) != (self.height is None):
            raise ValueError("give both width and height, or neither")
        limit = 51 if self.codec in {VideoCodec.H264, VideoCodec.H265} else 63
        if self.crf is not None and self.crf > limit:
            raise ValueError(f"crf of {self.codec} is at most {limit}")
        return self


class AudioSettings(Request):
    """How the sound is encoded; ``sample_rate`` in hertz."""

    codec: AudioCodec = AudioCodec.AAC
    bitrate: Bitrate = "192k"
    sample_rate: Literal[22050, 32000, 44100, 48000, 96000] = 48000
    channels: int = Field(default=2, ge=1, le=8)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.codec is AudioCodec.OPUS and self.sample_rate != 48000:
            raise ValueError("opus is always 48000 Hz")
        if self.codec is AudioCodec.MP3 and (self.channels > 2 or self.sample_rate == 96000):
            raise ValueError("mp3 has at most 2 channels and 48000 Hz")
        return self


class RenderPreset(Request):
    """A named pair of video and audio settings. ``use_gpu`` allows a hardware encoder, it never demands one."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=80)]
    quality: RenderQuality = RenderQuality.STANDARD
    video: VideoSettings = Field(default_factory=VideoSettings)
    audio: AudioSettings = Field(default_factory=AudioSettings)
    use_gpu: bool = False

    @model_validator(mode="after")
    def _audio_fits_container(self) -> Self:
        if self.audio.codec not in _CODECS_OF[self.video.container][1]:
            raise ValueError(f"{self.video.container} cannot hold {self.audio.codec} audio")
        return self


DRAFT_PREVIEW = RenderPreset(
    name="Draft Preview",
    quality=RenderQuality.DRAFT,
    video=VideoSettings(width=1280, height=720, crf=28, preset="veryfast", bitrate="3M"),
    audio=AudioSettings(bitrate="128k"),
)
STANDARD_EXPORT = RenderPreset(name="Standard Export", video=VideoSettings(bitrate="8M"))
HIGH_QUALITY_EXPORT = RenderPreset(
    name="High Quality Export",
    quality=RenderQuality.HIGH,
    video=VideoSettings(crf=18, preset="slow", bitrate="15M"),
    audio=AudioSettings(bitrate="256k"),
    use_gpu=True,
)
MAXIMUM_QUALITY_EXPORT = RenderPreset(
    name="Maximum Quality Export",
    quality=RenderQuality.MAXIMUM,
    video=VideoSettings(
        codec=VideoCodec.H265, crf=12, preset="slow", bitrate="25M", pixel_format="yuv420p10le", two_pass=True
    ),
    audio=AudioSettings(bitrate="320k"),
)
PRORES_MASTER_EXPORT = RenderPreset(
    name="ProRes Master Export",
    quality=RenderQuality.MAXIMUM,
    video=VideoSettings(
        codec=VideoCodec.PRORES,
        container=OutputContainer.MOV,
        crf=None,
        preset="slow",
        bitrate="110M",
        pixel_format="yuv422p10le",
    ),
    audio=AudioSettings(bitrate="320k"),
)
VP9_STREAMING_EXPORT = RenderPreset(
    name="VP9 Streaming Export",
    quality=RenderQuality.STANDARD,
    video=VideoSettings(codec=VideoCodec.VP9, container=OutputContainer.WEBM, crf=30, bitrate="8M", two_pass=True),
    audio=AudioSettings(codec=AudioCodec.OPUS, bitrate="160k"),
)
AV1_STREAMING_EXPORT = RenderPreset(
    name="AV1 Streaming Export",
    quality=RenderQuality.STANDARD,
    video=VideoSettings(
        codec=VideoCodec.AV1,
        container=OutputContainer.MKV,
        crf=29,
        preset="slow",
        bitrate="6M",
        pixel_format="yuv420p10le",
    ),
    audio=AudioSettings(codec=AudioCodec.OPUS, bitrate="160k"),
)

BUILT_IN_PRESETS: dict[str, RenderPreset] = {
    preset.name: preset
    for preset in (
        DRAFT_PREVIEW,
        STANDARD_EXPORT,
        HIGH_QUALITY_EXPORT,
        MAXIMUM_QUALITY_EXPORT,
        PRORES_MASTER_EXPORT,
        VP9_STREAMING_EXPORT,
        AV1_STREAMING_EXPORT,
    )
}


class PresetList(Answer):
    """``GET /render/presets``."""

    presets: list[RenderPreset]
