"""What other tools write: image sequences, markers, missing media, older and newer schemas, and a true report of it."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

import pytest

from tests.support.media import MediaShelf
from tests.worker.render.corpus.picture_cuts import effect, joined, ours, warp
from tests.worker.render.cuts import Node, clip, gap, generator, span, stack, time, timeline, track
from tests.worker.render.shown import planned, show
from worker.local_render import RenderOptions, prepare
from worker.render.errors import PlanError
from worker.render.import_report import Finding, import_report
from worker.render.layers import Chapter
from worker.render.plan import plan


def sequence(media: MediaShelf, *, files: int = 40, **fields: Any) -> Node:
    """Numbered PNGs from number 7 on, at 30 per second."""
    folder = media.folder / f"100% numbered {files}"
    if not folder.exists():
        folder.mkdir()
        pattern = str(folder / "shot.%04d.png").replace("100%", "100%%")
        media.run(["-i", str(media.numbered()), "-frames:v", str(files), "-start_number", "7", pattern])
    base = {
        "OTIO_SCHEMA": "ImageSequenceReference.1",
        "target_url_base": folder.as_uri(),
        "name_prefix": "shot.",
        "name_suffix": ".png",
        "start_frame": 7,
        "frame_step": 1,
        "rate": 30,
        "frame_zero_padding": 4,
        "missing_frame_policy": "error",
    }
    return {**base, **fields}


def marked(at: float, name: str) -> Node:
    return {"OTIO_SCHEMA": "Marker.2", "name": name, "color": "RED", "marked_range": span(at, 0), "metadata": {}}


def test_an_image_sequence_is_a_moving_picture(media: MediaShelf) -> None:
    cut = timeline(track(clip(sequence(media), 12, 20), clip(sequence(media), 30, 5, effects=[warp(-1)])))
    picture = show(cut, media)
    assert [picture.number(frame) for frame in range(25)] == [*range(12, 32), *range(34, 29, -1)]
    assert len(picture.plan.media_files) == 40


def test_an_image_sequence_counts_as_its_available_range_says(media: MediaShelf) -> None:
    reference = sequence(media, available_range=span(1000, 10))
    reference["target_url_base"] += "/"
    picture = show(timeline(track(clip(reference, 1002, 5))), media)
    assert [picture.number(frame) for frame in range(5)] == [2, 3, 4, 5, 6]
    assert len(picture.plan.media_files) == 10


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"start_frame": 500}, "asset_missing"),
        ({"available_range": span(0, 41)}, "asset_missing"),
        ({"available_range": span(0, 200_000)}, "bad_manifest"),
        ({"frame_step": 2}, "bad_manifest"),
        ({"name_prefix": "../shot."}, "bad_manifest"),
        ({"target_url_base": "/etc/"}, "outside_roots"),
        ({"target_url_base": "http://127.0.0.1/"}, "bad_manifest"),
    ],
)
def test_wrong_image_sequences_are_refused(media: MediaShelf, fields: Node, code: str) -> None:
    with pytest.raises(PlanError) as caught:
        planned(timeline(track(clip(sequence(media, **fields), 0, 5))), media)
    assert (caught.value.code, caught.value.pointer) == (code, "/tracks/children/0/children/0")


def test_markers_become_chapters(media: MediaShelf) -> None:
    red = media.clip("red")
    inner = stack(track(clip(red, 0, 10), markers=[marked(4, "inside")]), source_range=span(2, 8))
    cut = timeline(
        track(
            gap(5),
            clip(red, 20, 20, markers=[marked(23, "clip"), marked(60, "beyond")]),
            inner,
            markers=[marked(0, "track")],
        )
    )
    cut["tracks"]["markers"] = [marked(30, "stack")]
    wanted = [(0, "track"), (8, "clip"), (27, "inside"), (30, "stack")]
    assert planned(cut, media).chapters == tuple(Chapter(*mark) for mark in wanted)
    part = planned(cut, media, start_frame=8, end_frame=28)
    assert part.chapters == (Chapter(0, "clip"), Chapter(19, "inside"))


def test_missing_media_are_a_slate_only_where_the_document_asks(media: MediaShelf) -> None:
    lost = [clip("asset:none", 0, 5), clip("/nowhere/at-all.mov", 0, 5), clip(None, 0, 5)]
    cut = timeline(track(*lost), track(clip("asset:none", 0, 15), kind="Audio"))
    with pytest.raises(PlanError) as caught:
        planned(cut, media)
    assert len(caught.value.problems) == 4
    cut["metadata"] = ours(missing_media="slate")
    picture = show(cut, media)
    assert len(picture.plan.ignored) == 4
    assert picture.plan.sounds == ()
    for frame in (2, 7, 12):
        assert picture.is_at((160, 0, 79), frame, 0.05, 0.05)
        assert max(picture.frames[frame][1::3]) > 100


def test_older_and_newer_schemas_are_read(media: MediaShelf) -> None:
    newer = {**marked(3, "now"), "OTIO_SCHEMA": "Marker.3", "color": {"OTIO_SCHEMA": "Color.1", "r": 1.0}}
    old = {**track(clip(media.clip("red"), 0, 10, markers=[newer])), "OTIO_SCHEMA": "Sequence.1"}
    assert planned(timeline(old), media).chapters == (Chapter(3, "now"),)


def test_the_report_tells_what_becomes_of_everything(media: MediaShelf) -> None:
    red = media.clip("red")
    cut = timeline(
        track(
            clip(red, 0, 10, name="one", effects=[effect("blur"), effect("Resolve FX")], metadata={"fcp_xml": {}}),
            {**joined(media, "Swirl")["tracks"]["children"][0]["children"][1]},
            clip(red, 10, 10, name="two"),
            clip(red, 0, 10, name="off", enabled=False),
            clip("asset:none", 0, 5, name="lost"),
        ),
        track(clip(red, 0, 5), kind="Subtitles"),
        global_start_time=time(86400),
    )
    report = import_report(cut, {}, [media.folder])
    first = "/tracks/children/0/children"
    assert report.supported == (
        Finding(f"{first}/0", "Clip 'one'"),
        Finding(f"{first}/0/effects/0", "Effect 'blur'"),
        Finding(f"{first}/2", "Clip 'two'"),
    )
    assert [found.pointer for found in report.approximated] == [f"{first}/1"]
    assert [found.pointer for found in report.dropped] == [
        f"{first}/0/effects/1",
        "/tracks/children/1",
        f"{first}/3",
    ]
    assert [problem.pointer for problem in report.problems] == [f"{first}/4"]
    assert report.foreign_metadata == ("fcp_xml",)


def test_handles_that_are_missing_are_told(media: MediaShelf) -> None:
    short = media.clip("red", seconds=1)
    cut = joined(media, "SMPTE_Dissolve")
    cut["tracks"]["children"][0]["children"][2] = clip(short, 3, 25)
    made = planned(cut, media)
    assert [pointer for pointer, _ in made.ignored] == ["/tracks/children/0/children/1"]
    assert "before" in made.ignored[0][1]


def test_the_rate_of_a_sequence_may_differ_from_the_output_s(media: MediaShelf) -> None:
    picture = show(timeline(track(clip(sequence(media, rate=15), 5, 10, rate=15))), media)
    assert picture.plan.rate == Fraction(15)
    slow = show(timeline(track(clip(sequence(media, rate=15), 10, 12), clip(generator("Slug"), 0, 3))), media)
    assert [slow.number(frame) for frame in range(12)] == [5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10]


def test_a_sequence_may_lie_beside_its_timeline(media: MediaShelf) -> None:
    folder = Path(url2pathname(urlsplit(sequence(media)["target_url_base"]).path))
    reference = sequence(media, target_url_base=quote(folder.name))
    source = media.folder / "beside.otio"
    source.write_text(json.dumps(timeline(track(clip(reference, 0, 5)))), encoding="utf-8")
    made = prepare(source, RenderOptions())
    assert plan(made.manifest, made.roots).frames == 5
