"""A filter script under construction: inputs with their ffmpeg arguments, and chains between labelled links.

``pictures.py`` and ``sounds.py`` write to it, ``graph.py`` hands it to ffmpeg.
"""

from fractions import Fraction

from worker.render.probe import FrameFiles, Media

_UNINDEXED = frozenset({"mpegts", "mpeg"})
"""Formats in which a seek lands at any packet, not at a keyframe: start earlier and throw away."""
_UNINDEXED_LEAD_SECONDS = 10
_SOUND_LEAD_SECONDS = Fraction(1, 4)
"""Audio decoders need some packets before the first good sample."""
_MANY_INPUTS = 8
_MICROSECONDS = 1_000_000


class Script:
    """Collects inputs and filter chains, and gives out link labels."""

    def __init__(self) -> None:
        self._inputs: list[list[str]] = []
        self._chains: list[str] = []
        self._labels = 0
        self._files: dict[str, str] = {}

    def number(self) -> int:
        """A number that was not given out before."""
        self._labels += 1
        return self._labels

    def label(self) -> str:
        """A label nobody has."""
        return f"[l{self.number()}]"

    def chain(self, sources: str, filters: list[str], *, to: str | None = None) -> str:
        """Add a chain from the links ``sources`` through ``filters``; the label of its one output."""
        target = to or self.label()
        self._chains.append(f"{sources}{','.join(filters)}{target}")
        return target

    def split(self, source: str, count: int) -> list[str]:
        """``count`` copies of a video link."""
        if count == 1:
            return [source]
        targets = [self.label() for _ in range(count)]
        self._chains.append(f"{source}split={count}{''.join(targets)}")
        return targets

    def picture_input(self, media: Media, begin: Fraction, rate: str) -> str:
        """Open the video stream of ``media`` at the keyframe before ``begin`` seconds; its link.

        A still is one frame, and counts as ``rate`` frames per second.
        """
        assert media.picture is not None  # noqa: S101 - the planner refused everything else
        decoder = ["-c:v", media.picture.decoder] if media.picture.decoder else []
        counted = ["-framerate", rate] if media.duration is None else []
        return self._open(media, begin, media.picture.stream_index, ["-an", "-sn", "-dn", *decoder, *counted])

    def sound_input(self, media: Media, begin: Fraction) -> str:
        """Open the audio stream of ``media`` shortly before ``begin`` seconds; its link."""
        assert media.sound_index is not None  # noqa: S101 - the planner refused everything else
        return self._open(media, begin - _SOUND_LEAD_SECONDS, media.sound_index, ["-vn", "-sn", "-dn"])

    def _open(self, media: Media, begin: Fraction, stream_index: int, only: list[str]) -> str:
        # The demuxer is forced and may open nothing but files: what the probe saw is what ffmpeg reads.
        arguments = ["-f", media.demuxer, "-protocol_whitelist", "file", *only]
        if media.frame_files is not None:
            return self._open_sequence(media.frame_files, arguments)
        if media.duration is not None:
            begin = min(begin, media.duration)
            begin -= _UNINDEXED_LEAD_SECONDS if media.demuxer in _UNINDEXED else 0
            if begin > 0:
                seconds = f"{float(media.start + begin):.6f}"
                arguments += ["-noaccurate_seek", "-seek_timestamp", "1", "-ss", seconds]
        self._inputs.append([*arguments, "-i", f"file:{media.path}"])
        return f"[{len(self._inputs) - 1}:{stream_index}]"

    def _open_sequence(self, sequence: FrameFiles, arguments: list[str]) -> str:
        """All of the images: their timestamps count from the first, and unread ones cost next to nothing."""
        rate = f"{sequence.rate.numerator}/{sequence.rate.denominator}"
        counted = ["-framerate", rate, "-start_number", str(sequence.first), "-pattern_type", "sequence"]
        folder = str(sequence.files[0].parent).replace("%", "%%")
        prefix, suffix = (part.replace("%", "%%") for part in (sequence.prefix, sequence.suffix))
        pattern = f"{folder}/{prefix}%0{sequence.digits}d{suffix}"
        self._inputs.append([*arguments, *counted, "-i", f"file:{pattern}"])
        return f"[{len(self._inputs) - 1}:0]"

    def input_arguments(self) -> list[str]:
        """The arguments that open all inputs, in the order of their links."""
        # A decoder with many threads holds many frames; where many are open, one thread each is enough.
        threads = ["-threads", "1"] if len(self._inputs) > _MANY_INPUTS else []
        return [argument for one in self._inputs for argument in [*threads, *one]]

    def file(self, suffix: str, content: str) -> str:
        """The name of a text file with ``content`` in ffmpeg's folder; safe to write in a filter as it is."""
        name = f"text{len(self._files)}{suffix}"
        self._files[name] = content
        return name

    def files(self) -> tuple[tuple[str, str], ...]:
        """Names and contents of all text files."""
        return tuple(self._files.items())

    def text(self) -> str:
        """The filter script."""
        return ";\n".join(self._chains)


def shift(media: Media, media_start: Fraction) -> int:
    """Microseconds to subtract from a timestamp of ``media`` so that ``media_start`` becomes 0."""
    return round((media.start + media_start) * _MICROSECONDS)
