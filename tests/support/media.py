"""Small real media for tests, made with ffmpeg once per session: ask for the ``media`` fixture."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from worker.render.ffmpeg import Ffmpeg, find_ffmpeg

SIZE = "160x90"
_BITS = 8
_TAGGED = ("-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709", "-color_range", "tv")
_H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-qp", "4", "-g", "24", "-bf", "2", *_TAGGED)


class MediaShelf:
    """Makes a file on the first request and hands out the same one afterwards. Treat the files as read-only."""

    def __init__(self, folder: Path, ffmpeg: Ffmpeg) -> None:
        self.folder = folder
        self.ffmpeg = ffmpeg

    def clip(
        self, color: str, *, hertz: int | None = 440, seconds: float = 2, rate: str = "30", size: str = SIZE
    ) -> Path:
        """One colour and one tone (or no sound), H.264 and AAC in mp4."""
        name = f"clip-{color}-{hertz}-{seconds}-{rate.replace('/', '_')}-{size}.mp4"
        picture = f"color=c={color}:s={size}:r={rate}:d={seconds},format=rgb24,{_to_bt709()}"
        return self.make(name, [picture, *_tone(hertz, seconds)], [*_H264, "-c:a", "aac", "-b:a", "128k"])

    def numbered(
        self, suffix: str = ".mp4", *, rate: str = "30", seconds: float = 4, options: Sequence[str] = ()
    ) -> Path:
        """Frames that show their own number in eight vertical bars, black or white; ``look.number`` reads them."""
        name = f"numbered-{rate.replace('/', '_')}-{seconds}-{'_'.join(options).replace('/', '_')}{suffix}"
        bars = f"if(bitand(N,pow(2,floor(X/{160 // _BITS}))),235,16)".replace(",", r"\,")
        picture = f"nullsrc=s={SIZE}:r={rate}:d={seconds},format=yuv420p,geq=lum='{bars}':cb=128:cr=128"
        sound = "libopus" if suffix in {".mkv", ".webm"} else "aac"
        return self.make(name, [picture, *_tone(440, seconds)], [*_H264, "-c:a", sound, *options])

    def sound(self, hertz: int = 440, *, seconds: float = 3, rate: int = 48000) -> Path:
        """A sine tone at -20 dBFS in a WAV file."""
        wave = f"aevalsrc=exprs='0.1*sin(2*PI*{hertz}*t)':s={rate}:d={seconds}"
        return self.make(f"tone-{hertz}-{seconds}-{rate}.wav", [wave], [])

    def click(self, at: float, *, seconds: float = 3) -> Path:
        """Silence with one loud millisecond at ``at`` seconds, in a WAV file."""
        wave = rf"aevalsrc=exprs='0.9*gte(t\,{at})*lt(t\,{at}+0.001)':s=48000:d={seconds}"
        return self.make(f"click-{at}-{seconds}.wav", [wave], [])

    def still(self, color: str, *, size: str = SIZE, suffix: str = ".png") -> Path:
        """One picture of one colour; ``red@0.5`` is translucent in a PNG."""
        pixels = "rgba" if "@" in color else "rgb24"
        picture = f"color=c={color}:s={size},format={pixels}"
        return self.make(f"still-{color}-{size}{suffix}", [picture], ["-frames:v", "1", "-update", "1"])

    def make(self, name: str, sources: Sequence[str], options: Sequence[str]) -> Path:
        """The file ``name``, made from lavfi ``sources`` with output ``options`` unless it is there."""
        path = self.folder / name
        if not path.exists():
            inputs = [argument for source in sources for argument in ("-f", "lavfi", "-i", source)]
            self.run([*inputs, *options, f"file:{path}"])
        return path

    def run(self, arguments: Sequence[str], *, timeout_seconds: float = 60) -> None:
        """Run ffmpeg; fails with what it said."""
        command = [str(self.ffmpeg.path), "-hide_banner", "-nostdin", "-v", "error", "-y", *arguments]
        done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=timeout_seconds)
        assert done.returncode == 0, done.stderr


def _tone(hertz: int | None, seconds: float) -> list[str]:
    return [] if hertz is None else [f"aevalsrc=exprs='0.1*sin(2*PI*{hertz}*t)':s=48000:d={seconds}"]


def _to_bt709() -> str:
    return "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p"


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> MediaShelf:
    """The session's shelf of media."""
    return MediaShelf(tmp_path_factory.mktemp("media"), find_ffmpeg())
