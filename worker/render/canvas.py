"""What every frame is made into: size, rate, pixel formats, colour tags. The picture half of the graph works in it."""

from dataclasses import dataclass
from fractions import Fraction

from schemas.presets import VideoSettings
from worker.render.plan import Plan


@dataclass(frozen=True)
class Canvas:
    """What every frame is made into: rate, size, ffmpeg's names of the pixel formats to work in, colour tags."""

    rate: Fraction
    width: int
    height: int
    opaque: str
    alpha: str
    blending: str
    overlay: str
    matrix: str
    tags: str

    @property
    def fps(self) -> str:
        """The rate as ffmpeg reads it."""
        return f"{self.rate.numerator}/{self.rate.denominator}"

    @property
    def tick(self) -> str:
        """The time base in which timestamps are frame numbers."""
        return f"{self.rate.denominator}/{self.rate.numerator}"

    @property
    def half_tick(self) -> str:
        """The time base in which timestamps are twice the frame numbers."""
        return f"{self.rate.denominator}/{self.rate.numerator * 2}"


def canvas_of(plan: Plan, video: VideoSettings) -> Canvas:
    """Work in the preset's chroma subsampling, and in 10 bits where the preset has more than 8."""
    chroma = next((c for c in ("444", "422") if c in video.pixel_format), "420")
    if video.pixel_format.startswith(("gbr", "rgb", "bgr")):
        chroma = "444"
    deep = any(bits in video.pixel_format for bits in ("p10", "p12", "p14", "p16", "p010"))
    suffix = "10le" if deep else ""
    return Canvas(
        rate=plan.rate,
        width=plan.width,
        height=plan.height,
        opaque=f"yuv{chroma}p{suffix}",
        alpha=f"yuva{chroma}p{suffix}",
        blending=f"yuva444p{suffix}",
        overlay=f"yuv{chroma}{'p10' if deep else ''}",
        matrix=video.color_space,
        tags=f"setparams=range=tv:color_primaries={video.color_primaries}"
        f":color_trc={video.color_trc}:colorspace={video.color_space}",
    )
