"""Eyes and ears of the render tests: decode what was rendered and say what is on it."""

import math
from array import array
from dataclasses import dataclass
from pathlib import Path

import av
from av.audio.resampler import AudioResampler

RGB = tuple[int, int, int]
HEARING_HERTZ = 48000


@dataclass(frozen=True)
class Seen:
    """Every frame as ``rgb24`` bytes without padding."""

    width: int
    height: int
    frames: list[bytes]

    def at(self, frame: int, x: float = 0.5, y: float = 0.5) -> RGB:
        """The colour at a place given in fractions of the picture."""
        offset = 3 * (int(y * self.height) * self.width + int(x * self.width))
        red, green, blue = self.frames[frame][offset : offset + 3]
        return red, green, blue

    def number(self, frame: int) -> int:
        """The number in the bars of a ``MediaShelf.numbered`` frame."""
        return sum((self.at(frame, (bit + 0.5) / 8)[1] > 125) << bit for bit in range(8))

    def numbers(self) -> list[int]:
        """The numbers of all frames."""
        return [self.number(frame) for frame in range(len(self.frames))]


def look(path: Path) -> Seen:
    """Decode the whole picture."""
    frames: list[bytes] = []
    width = height = 0
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            rgb = frame.reformat(format="rgb24", src_colorspace="ITU709")
            plane = rgb.planes[0]
            data, width, height = bytes(plane), rgb.width, rgb.height
            rows = (data[row * plane.line_size :][: width * 3] for row in range(height))
            frames.append(b"".join(rows))
    return Seen(width, height, frames)


def listen(path: Path) -> list[float]:
    """The sound as mono samples from -1 to 1 at ``HEARING_HERTZ``."""
    samples = array("h")
    resampler = AudioResampler(format="s16", layout="mono", rate=HEARING_HERTZ)
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            for part in resampler.resample(frame):
                samples.frombytes(bytes(part.planes[0])[: part.samples * 2])
    return [sample / 32768 for sample in samples]


def level(samples: list[float], start: float, end: float) -> float:
    """Root mean square between two times in seconds."""
    part = samples[round(start * HEARING_HERTZ) : round(end * HEARING_HERTZ)]
    return math.sqrt(sum(sample * sample for sample in part) / len(part))


def strength(samples: list[float], hertz: float, start: float, end: float) -> float:
    """Amplitude of one frequency between two times in seconds (Goertzel)."""
    part = samples[round(start * HEARING_HERTZ) : round(end * HEARING_HERTZ)]
    turn = 2 * math.pi * hertz / HEARING_HERTZ
    real = sum(sample * math.cos(turn * n) for n, sample in enumerate(part))
    imaginary = sum(sample * math.sin(turn * n) for n, sample in enumerate(part))
    return 2 * math.hypot(real, imaginary) / len(part)


def close(seen: RGB, wanted: RGB, slack: int = 12) -> bool:
    """Whether two colours are the same to the eye of a lossy codec."""
    return all(abs(a - b) <= slack for a, b in zip(seen, wanted, strict=True))
