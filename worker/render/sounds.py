"""The sound half of the filter graph: all sounds mixed into one stream, exact to the sample. Called by ``graph.py``."""

from fractions import Fraction

from schemas.presets import AudioSettings
from worker.render.layers import Sound
from worker.render.plan import Plan
from worker.render.probe import Media
from worker.render.script import Script, shift

LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
"""ffmpeg's default layout by number of channels."""

_WITHOUT_CENTRE = {"stereo", "2.1"}
_SLOWEST_TEMPO = Fraction(1, 2)
_MICROSECONDS = 1_000_000
_TONE_AMPLITUDE = 10 ** (-18 / 20)


def build_sounds(script: Script, plan: Plan, audio: AudioSettings, *, to: str) -> None:
    """Write the sound graph: sounds that do not overlap share a lane, lanes are added at full level."""
    builder = _Sounds(script, plan.rate, audio)
    total = builder.sample(plan.frames)
    lanes = [builder.lane(lane, total) for lane in _lanes(plan.sounds)] or [builder.silence(total)]
    mix = [f"amix=inputs={len(lanes)}:normalize=0:duration=longest"] if len(lanes) > 1 else []
    script.chain(
        "".join(lanes), [*mix, f"apad=whole_len={total}", f"atrim=end_sample={total}", "asetpts=N/SR/TB"], to=to
    )


def _lanes(sounds: tuple[Sound, ...]) -> list[list[Sound]]:
    """Sounds in as few lanes as there are sounds at once, so that no file is read before its turn."""
    lanes: list[list[Sound]] = []
    for sound in sorted(sounds, key=lambda sound: (sound.start, sound.end)):
        free = next((lane for lane in lanes if lane[-1].end <= sound.start), None)
        if free is None:
            lanes.append([sound])
        else:
            free.append(sound)
    return lanes


class _Sounds:
    def __init__(self, script: Script, rate: Fraction, audio: AudioSettings) -> None:
        self._script = script
        self._rate = rate
        self._hertz = audio.sample_rate
        layout = LAYOUTS[audio.channels]
        self._layout = layout
        self._format = f"aformat=sample_fmts=fltp:sample_rates={audio.sample_rate}:channel_layouts={layout}"

    def sample(self, frame: int) -> int:
        """The sample at which ``frame`` begins."""
        return round(frame * self._hertz / self._rate)

    def silence(self, samples: int) -> str:
        """``samples`` samples of nothing."""
        source = f"anullsrc=channel_layout={self._layout}:sample_rate={self._hertz}"
        return self._script.chain("", [source, self._format, f"atrim=end_sample={samples}"])

    def lane(self, sounds: list[Sound], total: int) -> str:
        """The sounds one after the other with silence between, ``total`` samples long."""
        parts: list[str] = []
        cursor = 0
        for sound in sounds:
            start, end = self.sample(sound.start), self.sample(sound.end)
            if start > cursor:
                parts.append(self.silence(start - cursor))
            parts.append(self._sound(sound, end - start))
            cursor = end
        if cursor < total:
            parts.append(self.silence(total - cursor))
        if len(parts) == 1:
            return parts[0]
        return self._script.chain("".join(parts), [f"concat=n={len(parts)}:v=0:a=1", "asetpts=N/SR/TB"])

    def _sound(self, sound: Sound, samples: int) -> str:
        link, filters = self._media(sound.source, sound) if isinstance(sound.source, Media) else self._tone(sound)
        whole = self.sample(sound.length)
        filters += [f"apad=whole_len={whole}", f"atrim=end_sample={whole}", "asetpts=N/SR/TB"]
        if sound.fade_in:
            filters.append(f"afade=t=in:ss=0:ns={self.sample(sound.fade_in)}")
        if sound.fade_out:
            ramp = self.sample(sound.fade_out)
            filters.append(f"afade=t=out:ss={whole - ramp}:ns={ramp}")
        # Rounding to samples may leave the window one sample longer than the sound.
        begin = self.sample(sound.skipped)
        filters += [f"atrim=start_sample={begin}", "asetpts=N/SR/TB"]
        filters += [f"apad=whole_len={samples}", f"atrim=end_sample={samples}", "asetpts=N/SR/TB"]
        return self._script.chain(link, filters)

    def _media(self, media: Media, sound: Sound) -> tuple[str, list[str]]:
        link = self._script.sound_input(media, sound.media_start)
        seconds = shift(media, sound.media_start) / _MICROSECONDS
        return link, [
            f"asetpts=PTS-({seconds:.6f})/TB",
            "atrim=start=0",
            f"aresample={self._hertz}:async=1:first_pts=0",
            *self._centred(media),
            self._format,
            *self._tempo(sound.speed),
        ]

    def _centred(self, media: Media) -> list[str]:
        """One channel at full level on both sides; ffmpeg's own mix would make it 3 dB quieter."""
        if media.is_mono and self._layout in _WITHOUT_CENTRE:
            return [f"pan={self._layout}|FL=c0|FR=c0"]
        return []

    def _tone(self, sound: Sound) -> tuple[str, list[str]]:
        hertz = sound.source.hertz if not isinstance(sound.source, Media) else 0
        wave = f"aevalsrc=exprs='{_TONE_AMPLITUDE:.6f}*sin(2*PI*{hertz}*t)':s={self._hertz}"
        return "", [wave, f"pan={self._layout}|{self._spread()}", self._format]

    def _spread(self) -> str:
        channels = next(count for count, layout in LAYOUTS.items() if layout == self._layout)
        return "|".join(f"c{channel}=c0" for channel in range(channels))

    @staticmethod
    def _tempo(speed: Fraction) -> list[str]:
        """Faster or slower at the same pitch; one ``atempo`` goes down to half speed only."""
        filters: list[str] = []
        while speed < _SLOWEST_TEMPO:
            filters.append("atempo=0.5")
            speed *= 2
        if speed != 1:
            filters.append(f"atempo={float(speed):.6f}")
        return filters
