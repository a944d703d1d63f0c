"""Input that is wrong or means harm: refused with the place named, nothing read that was not allowed, nothing left."""

import asyncio
import json
import math
import os
import socket
import time as clock
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest

from tests.worker.render.cuts import (
    Node,
    Studio,
    clip,
    dissolve,
    external,
    gap,
    generator,
    manifest,
    span,
    stack,
    timeline,
    track,
)
from worker.render.document import MAX_CLIPS
from worker.render.errors import PlanError, RenderError
from worker.render.plan import plan
from worker.render.probe import probe_media

FIRST = "/tracks/children/0/children/0"


@pytest.fixture(autouse=True)
def nothing_is_left(studio: Studio) -> Iterator[None]:
    yield
    assert not list(studio.folder.glob("out*"))


def refused(studio: Studio, cut: Node, **fields: Any) -> RenderError:
    with pytest.raises(RenderError) as caught:
        studio.render(cut, **fields)
    return caught.value


@pytest.mark.parametrize(
    "url",
    [
        "concat:{clip}|{clip}",
        "subfile,,start,0,end,100,,:{clip}",
        "http://127.0.0.1/a.mp4",
        "data:video/mp4;base64,AAAA",
        "pipe:0",
        "-i",
        "-filter_complex",
        "relative.mp4",
        "../clip.mp4",
        "file:relative.mp4",
        "gs://bucket/a.mp4",
        "",
    ],
)
def test_only_absolute_local_paths_are_media(studio: Studio, url: str) -> None:
    error = refused(studio, timeline(track(clip(url.format(clip=studio.media.clip("red"))))))
    assert error.code in {"bad_manifest", "asset_missing"}
    assert error.pointer == FIRST


def test_media_outside_the_roots_is_refused_also_through_links_and_dots(studio: Studio, tmp_path: Path) -> None:
    outside = tmp_path / "elsewhere.png"
    outside.write_bytes(studio.media.still("red").read_bytes())
    link = studio.media.folder / f"link-{tmp_path.name}.png"
    link.symlink_to(outside)
    dotted = f"{studio.media.folder}/../{tmp_path.name}/elsewhere.png"
    for place in (outside, link, dotted, "/etc/passwd", "/no/such/file", outside.as_uri()):
        error = refused(studio, timeline(track(clip(str(place)))))
        assert (error.code, error.pointer) == ("outside_roots", FIRST), place
    error = refused(studio, timeline(track(clip("asset:a"))), asset_map={"a": str(outside)})
    assert error.code == "outside_roots"


@pytest.fixture
def secret(studio: Studio) -> Path:
    return studio.media.clip("red")


@pytest.mark.parametrize("name", ["list.mp4", "list.ffconcat", "list.txt"])
def test_a_concat_script_is_no_media(studio: Studio, secret: Path, name: str) -> None:
    script = studio.media.folder / name
    script.write_text(f"ffconcat version 1.0\nfile {secret.name}\n")
    error = refused(studio, timeline(track(clip(script))))
    assert (error.code, error.pointer) == ("unreadable_media", FIRST)


@pytest.mark.parametrize("name", ["list.m3u8", "list-hls.mp4"])
def test_a_playlist_is_no_media_and_nothing_it_names_is_asked_for(studio: Studio, secret: Path, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        port = server.getsockname()[1]
        playlist = studio.media.folder / name
        segments = f"#EXTINF:2,\nhttp://127.0.0.1:{port}/a.ts\n#EXTINF:2,\n{secret.name}\n#EXT-X-ENDLIST\n"
        playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n{segments}")
        assert refused(studio, timeline(track(clip(playlist)))).code == "unreadable_media"
        with pytest.raises(TimeoutError):
            server.accept()


def test_an_image_name_with_a_pattern_reads_only_itself(studio: Studio) -> None:
    for number in (0, 1):
        (studio.media.folder / f"frame{number}.jpg").write_bytes(
            studio.media.still("red" if number else "green", suffix=".jpg").read_bytes()
        )
    pattern = studio.media.folder / "frame%d.jpg"
    assert refused(studio, timeline(track(clip(pattern)))).code == "asset_missing"


@pytest.mark.parametrize(
    "content",
    [b"", b"not media at all", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\x89PNG\r\n\x1a\n" + bytes(40)],
)
def test_what_cannot_be_decoded_is_named(studio: Studio, content: bytes) -> None:
    broken = studio.media.folder / "broken.mp4"
    broken.write_bytes(content)
    error = refused(studio, timeline(track(clip(broken))))
    assert (error.code, error.pointer) == ("unreadable_media", FIRST)
    with pytest.raises(RenderError, match=r"broken\.mp4"):
        probe_media(broken) if not content.startswith(b"\x89PNG") else plan(
            manifest(timeline(track(clip(broken)))), [studio.media.folder]
        )


def test_a_truncated_file_is_unreadable(studio: Studio) -> None:
    whole = studio.media.clip("red").read_bytes()
    cut_off = studio.media.folder / "cut-off.mp4"
    cut_off.write_bytes(whole[: len(whole) // 2])
    assert refused(studio, timeline(track(clip(cut_off)))).code == "unreadable_media"


def test_a_pipe_or_a_folder_is_refused_without_waiting(studio: Studio) -> None:
    pipe = studio.media.folder / f"pipe-{os.getpid()}-{clock.monotonic_ns()}"
    os.mkfifo(pipe)
    assert refused(studio, timeline(track(clip(pipe)))).code == "unreadable_media"
    assert refused(studio, timeline(track(clip(studio.media.folder)))).code == "unreadable_media"


def test_all_problems_are_told_at_once_with_their_places(studio: Studio) -> None:
    red = studio.media.clip("red")
    bad = [
        clip(None),
        clip({"OTIO_SCHEMA": "MissingReference.1"}),
        clip("asset:unknown"),
        clip(red, 0, 0),
        clip(red, 0, -5),
        clip(red, -5, 10),
        clip(red, 50, 60),
        clip(red, 100, 5),
        clip(generator("Mandelbrot")),
        clip(generator("SolidColor", color="reddish")),
        clip(json.loads(otio.schema.ImageSequenceReference("file:///x").to_json_string())),
        clip(studio.media.sound()),
        clip(red, 0, 10, effects=[{"OTIO_SCHEMA": "LinearTimeWarp.1", "time_scalar": -200.0}]),
        {**clip(studio.media.still("red")), "source_range": None},
    ]
    with pytest.raises(PlanError) as caught:
        studio.render(timeline(track(clip(red, 0, 5)), track(*bad)))
    places = [problem.pointer for problem in caught.value.problems]
    assert [place.split("/")[5] if place else None for place in places] == [str(index) for index in range(len(bad))]
    assert caught.value.problems[0].code == "asset_missing"


@pytest.mark.parametrize(
    ("children", "place"),
    [
        ([dissolve(20, 5)], 1),
        ([dissolve(5, 20)], 1),
        ([dissolve(-1, 5)], 1),
        ([dissolve(2, 2), dissolve(2, 2)], 2),
        ([dissolve(2, 2), stack(track(gap(5)))], 1),
    ],
)
def test_impossible_transitions_are_named(studio: Studio, children: list[Node], place: int) -> None:
    red = studio.media.clip("red")
    error = refused(studio, timeline(track(clip(red, 10, 10), *children, clip(red, 10, 10))))
    assert (error.code, error.pointer) == ("bad_manifest", f"/tracks/children/0/children/{place}")


def test_two_dissolves_may_not_share_frames(studio: Studio) -> None:
    red = studio.media.clip("red")
    parts = [clip(red, 10, 10), dissolve(2, 6), clip(red, 10, 10), dissolve(6, 2), clip(red, 10, 10)]
    assert refused(studio, timeline(track(*parts))).pointer == "/tracks/children/0/children/3"


def test_numbers_that_are_none_are_refused(studio: Studio) -> None:
    cut = timeline(track(clip(studio.media.clip("red"))))
    for value in (math.nan, math.inf):
        cut["tracks"]["children"][0]["children"][0]["source_range"]["duration"]["value"] = value
        error = refused(studio, cut)
        assert (error.code, error.pointer) == ("bad_manifest", f"{FIRST}/source_range/duration/value")


def test_more_clips_than_the_control_plane_takes_are_counted_and_refused_at_once(studio: Studio) -> None:
    one = clip(studio.media.clip("red"), 0, 5)
    document = timeline(track(*(json.loads(json.dumps(one)) for _ in range(MAX_CLIPS + 1))))
    error = refused(studio, document)
    assert error.code == "too_many_clips"
    assert str(MAX_CLIPS + 1) in error.message
    assert str(MAX_CLIPS) in error.message


def test_a_document_nested_too_deep_is_refused(studio: Studio) -> None:
    node = track(clip(studio.media.clip("red")))
    for _ in range(200):
        node = stack(node)
    assert refused(studio, timeline(node)).code == "bad_manifest"


@pytest.mark.parametrize(
    "cut",
    [
        timeline(),
        timeline(track()),
        timeline(track(gap(10))),
        {"OTIO_SCHEMA": "Timeline.1"},
        {"OTIO_SCHEMA": "SerializableCollection.1", "children": []},
        {"OTIO_SCHEMA": "Timeline.1", "tracks": {"OTIO_SCHEMA": "Stack.1", "children": [{"OTIO_SCHEMA": "Future.1"}]}},
        timeline(track(clip(generator("Slug"), 0, 10**12))),
    ],
)
def test_what_is_no_timeline_or_shows_nothing_is_refused(studio: Studio, cut: Node) -> None:
    assert refused(studio, cut).code == "bad_manifest"


def test_a_range_after_the_end_is_refused(studio: Studio) -> None:
    cut = timeline(track(clip(studio.media.clip("red"), 0, 10)))
    assert "10 frames" in refused(studio, cut, start_frame=10).message


def test_a_render_never_replaces_its_own_media(studio: Studio) -> None:
    source = studio.folder / "source.png"
    source.write_bytes(studio.media.still("red").read_bytes())
    out = studio.folder / "out.mp4"
    out.symlink_to(source)
    before = source.read_bytes()
    cut = timeline(track(clip(external(source), 0, 5)))
    with pytest.raises(RenderError, match="own media"):
        asyncio.run(studio.start(manifest(cut), roots=[studio.folder]))
    assert source.read_bytes() == before
    out.unlink()


def test_a_nonexistent_clip_among_good_ones_keeps_times(studio: Studio) -> None:
    red = studio.media.clip("red")
    error = refused(
        studio, timeline(track(clip(red, 0, 10), clip(studio.media.folder / "gone.mp4", 0, 5), source_range=span(0, 5)))
    )
    assert (error.code, error.pointer) == ("asset_missing", "/tracks/children/0/children/1")
