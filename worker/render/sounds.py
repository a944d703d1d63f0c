"""The sound half of the filter graph: all sounds mixed into one stream, exact to the sample. Called by ``graph.py``."""

from collections.abc import Sequence
from fractions import Fraction

from schemas.presets import AudioSettings
from worker.render.curves import constant, expression, is_constant
from worker.render.layers import Channel, Sound
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
    """Write the sound graph: sounds that do not overlap share a lane, lanes a track; tracks are added at full level."""
    builder = _Sounds(script, plan.rate, audio)
    total = builder.sample(plan.frames)
    tracks: dict[int, list[Sound]] = {}
    for sound in plan.sounds:
        tracks.setdefault(sound.track, []).append(sound)
    links = {
        index: builder.track([builder.lane(lane, total) for lane in _lanes(tuple(sounds))], plan.mixer[index])
        for index, sounds in sorted(tracks.items())
    }
    mixed = list(builder.ducked(links, plan.mixer).values()) or [builder.silence(total)]
    script.chain(
        builder.added(mixed), [f"apad=whole_len={total}", f"atrim=end_sample={total}", "asetpts=N/SR/TB"], to=to
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
        self._channels = audio.channels
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

    def added(self, links: Sequence[str]) -> str:
        """The sum of the links."""
        if len(links) == 1:
            return links[0]
        return self._script.chain("".join(links), [f"amix=inputs={len(links)}:normalize=0:duration=longest"])

    def track(self, lanes: Sequence[str], channel: Channel) -> str:
        """The lanes of one track at its level."""
        link = self.added(lanes)
        return self._script.chain(link, [f"volume={channel.gain_db!r}dB"]) if channel.gain_db else link

    def ducked(self, links: dict[int, str], mixer: Sequence[Channel]) -> dict[int, str]:
        """The tracks, each lowered where it gives way to others. What lowers is heard as it was before any ducking."""
        wanted = {index: duck for index in links if (duck := mixer[index].duck) and any(by in links for by in duck.by)}
        heard = dict(links)
        keys: dict[int, list[str]] = {}
        for index, link in links.items():
            listeners = [other for other, duck in wanted.items() if index in duck.by]
            if listeners:
                heard[index], *copies = self._copies(link, len(listeners) + 1)
                for other, copy in zip(listeners, copies, strict=True):
                    keys.setdefault(other, []).append(copy)
        for index, duck in wanted.items():
            # The share of the sound that is not compressed is what stays of it at the least.
            share = 1 - 10 ** (-duck.amount_db / 20)
            settings = {
                "threshold": 10 ** (duck.threshold_db / 20),
                "ratio": 20,
                "attack": duck.attack_seconds * 1000,
                "release": duck.release_seconds * 1000,
                "mix": share,
            }
            options = ":".join(f"{name}={value:.6f}" for name, value in settings.items())
            heard[index] = self._script.chain(heard[index] + self.added(keys[index]), [f"sidechaincompress={options}"])
        return heard

    def _copies(self, link: str, count: int) -> list[str]:
        labels = [self._script.label() for _ in range(count)]
        self._script.chain(link, [f"asplit={count}{''.join(labels[:-1])}"], to=labels[-1])
        return labels

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
        filters += self._level(sound)
        # Rounding to samples may leave the window one sample longer than the sound.
        begin = self.sample(sound.skipped)
        filters += [f"atrim=start_sample={begin}", "asetpts=N/SR/TB"]
        filters += [f"apad=whole_len={samples}", f"atrim=end_sample={samples}", "asetpts=N/SR/TB"]
        return self._script.chain(link, filters)

    def _level(self, sound: Sound) -> list[str]:
        """Gain and pan. What changes is computed for every sample: steps would be heard."""
        is_panned = self._layout == "stereo" and sound.pan != constant(0)
        if is_constant(sound.gain_db) and is_constant(sound.pan):
            gain, pan = sound.gain_db[0].value, sound.pan[0].value
            filters = [f"volume={gain!r}dB"] if gain else []
            return (
                [*filters, f"pan=stereo|c0={min(1, 1 - pan)!r}*c0|c1={min(1, 1 + pan)!r}*c1"] if is_panned else filters
            )
        frame = f"(n*{self._rate.numerator}/{self._rate.denominator * self._hertz})"
        gain_of = f"pow(10,{expression(sound.gain_db, frame)}/20)"
        sides = [""] * len(LAYOUTS)
        if is_panned:
            pan_of = expression(sound.pan, frame)
            sides = [f"*min(1,1-{pan_of})", f"*min(1,1+{pan_of})"]
        values = "|".join(f"val({channel})*{gain_of}{sides[channel]}" for channel in range(self._channels))
        return [f"aeval=exprs='{values}':c=same"]

    def _media(self, media: Media, sound: Sound) -> tuple[str, list[str]]:
        speed = abs(sound.speed)
        begin, source_seconds = sound.media_start, sound.length / self._rate * speed
        if sound.speed < 0:
            low = max(Fraction(0), begin - source_seconds)
            begin, source_seconds = low, begin - low
        repeats = sound.loop and media.duration is not None and sound.speed > 0
        opened = Fraction(0) if repeats else begin
        link = self._script.sound_input(media, opened)
        seconds = shift(media, opened) / _MICROSECONDS
        filters = [
            f"asetpts=PTS-({seconds:.6f})/TB",
            "atrim=start=0",
            f"aresample={self._hertz}:async=1:first_pts=0",
            *self._centred(media),
            self._format,
        ]
        if repeats and media.duration is not None:
            once = round(media.duration * self._hertz)
            filters += [f"apad=whole_len={once}", f"atrim=end_sample={once}", f"aloop=loop=-1:size={once}"]
            filters += [f"atrim=start_sample={round(begin * self._hertz)}", "asetpts=N/SR/TB"]
        if sound.speed < 0:
            part = round(source_seconds * self._hertz)
            filters += [f"apad=whole_len={part}", f"atrim=end_sample={part}", "areverse", "asetpts=N/SR/TB"]
        return link, [*filters, *self._tempo(speed)]

    def _centred(self, media: Media) -> list[str]:
        """One channel at full level on both sides; ffmpeg's own mix would make it 3 dB quieter."""
        if media.is_mono and self._layout in _WITHOUT_CENTRE:
            return [f"pan={self._layout}|FL=c0|FR=c0"]
        return []

    def _tone(self, sound: Sound) -> tuple[str, list[str]]:
        hertz = sound.source.hertz if not isinstance(sound.source, Media) else 0
        wave = f"aevalsrc=exprs='{_TONE_AMPLITUDE:.6f}*sin(2*PI*{hertz}*t)':s={self._hertz}"
        spread = "|".join(f"c{channel}=c0" for channel in range(self._channels))
        return "", [wave, f"pan={self._layout}|{spread}", self._format]

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
