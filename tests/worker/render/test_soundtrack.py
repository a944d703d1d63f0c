"""The soundtrack as a whole: loudness, more sounds than one graph takes; and the words that are joined to it."""

from pathlib import Path

import av
import pytest

from schemas.presets import OutputContainer, RenderPreset, VideoSettings
from tests.worker.render.corpus.picture_cuts import ours
from tests.worker.render.corpus.texts import captioned
from tests.worker.render.cuts import Node, clip, gap, generator, span, timeline, track
from tests.worker.render.desk import USUAL, EngineDesk
from tests.worker.render.look import level, listen
from tests.worker.render.test_segmented import samples_of
from worker.render import soundtrack
from worker.render.layers import Loudness
from worker.render.soundtrack import loudness_filter


def loudness_of(desk: EngineDesk, path: Path) -> float:
    """Integrated loudness as ffmpeg's own meter shows it."""
    log = desk.folder / "r128.txt"
    measure = ["-i", str(path), "-af", f"ebur128=metadata=1,ametadata=print:file={log}", "-f", "null", "-"]
    desk.media.run(measure)
    return float([line for line in log.read_text().splitlines() if line.startswith("lavfi.r128.I=")][-1][13:])


@pytest.mark.parametrize("target", [-23, -14])
def test_the_soundtrack_has_the_loudness_that_was_asked_for(desk: EngineDesk, target: int) -> None:
    extension = ours(loudness={"target_lufs": target})
    cut = timeline(track(clip(desk.media.sound(), 0, 90), kind="Audio"), metadata=extension)
    assert loudness_of(desk, desk.render(cut)) == pytest.approx(target, abs=0.5)


def test_loudness_is_limited_by_its_peaks(desk: EngineDesk) -> None:
    click = desk.media.click(1.0)
    extension = ours(loudness={"target_lufs": -12, "true_peak_db": -6})
    tracks = [track(clip(source, 0, 90), kind="Audio") for source in (desk.media.sound(), click)]
    samples = listen(desk.render(timeline(*tracks, metadata=extension)))
    assert max(map(abs, samples)) < 10 ** (-4.5 / 20)  # the AAC encoder rounds a click by a decibel or so
    assert level(samples, 1.5, 2.5) > 0.1


def test_silence_stays_silent() -> None:
    measured = "lavfi.r128.I=-70.000\nlavfi.r128.true_peaks_ch0=0.000"
    assert loudness_filter(measured, Loudness(-16, -1, 11), hertz=48000, samples=1) == ""


def many(desk: EngineDesk) -> Node:
    short = [clip(desk.media.sound(300 + 60 * (n % 5)), n, 7) for n in range(12)]
    over = [gap(3), *(clip(desk.media.clip("red"), n, 9) for n in range(8))]
    picture = track(clip(generator("Slug"), 0, 84))
    return timeline(picture, track(*short, kind="Audio"), track(*over, kind="Audio"))


def test_more_sounds_than_one_graph_takes_are_the_same_mix(desk: EngineDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    lossless = samples_of(desk.one_pass(many(desk)))
    monkeypatch.setattr(soundtrack, "MAX_SOUNDS", 6)
    grouped = samples_of(desk.render(many(desk)))
    one, other = memoryview(lossless).cast("f"), memoryview(grouped).cast("f")
    assert len(one) == len(other)
    assert max(abs(a - b) for a, b in zip(one, other, strict=True)) < 1e-3


def test_markers_are_the_chapters_of_the_file(desk: EngineDesk) -> None:
    odd = r"a=b;c#d\e"
    marks = [
        {"OTIO_SCHEMA": "Marker.2", "name": name, "color": "RED", "marked_range": span(at, 0), "metadata": {}}
        for at, name in ((0, "one"), (20, odd))
    ]
    path = desk.render(timeline(track(clip(desk.media.clip("red"), 0, 45, markers=marks))))
    with av.open(str(path)) as container:
        found = [
            (float(chapter["start"] * (chapter["time_base"] or 0)), chapter["metadata"]["title"])
            for chapter in container.chapters()
        ]
    assert found == [(0, "one"), (pytest.approx(20 / 30, abs=0.002), odd)]


@pytest.mark.parametrize("container", [OutputContainer.MP4, OutputContainer.MKV])
def test_captions_are_muxed_and_changing_them_encodes_nothing(desk: EngineDesk, container: OutputContainer) -> None:
    preset = USUAL.model_copy(update={"video": VideoSettings(container=container, preset="veryfast")})
    cut, assets = captioned(desk.media, "srt", mode="mux", language="deu")
    path = desk.render(cut, preset=RenderPreset.model_validate(preset.model_dump()), asset_map=assets)
    with av.open(str(path)) as found:
        assert [stream.language for stream in found.streams.subtitles] == ["deu"]
    cut, assets = captioned(desk.media, "srt", mode="mux", language="eng")
    path = desk.render(cut, preset=RenderPreset.model_validate(preset.model_dump()), asset_map=assets)
    assert desk.encoded_frames == 0
    with av.open(str(path)) as found:
        assert [stream.language for stream in found.streams.subtitles] == ["eng"]
