"""Texts and captions: literal whatever they contain, in the right font, place and time."""

from pathlib import Path

import pytest

from tests.support.media import MediaShelf
from tests.worker.render.corpus.texts import captioned, written
from tests.worker.render.cuts import Node, clip, generator, timeline, track
from tests.worker.render.shown import Shown, planned, show
from worker.render.captions import read_captions
from worker.render.errors import PlanError, RenderError
from worker.render.excerpt import edges
from worker.render.fonts import default_font, family_of
from worker.render.titles import escaped

RED = (255, 0, 0)


def inked(picture: Shown, frame: int) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of all that is not red, as shares of the canvas."""
    width, height = picture.plan.width, picture.plan.height
    data = picture.frames[frame]
    marks = [at // 3 for at in range(1, len(data), 3) if data[at] > 60]
    xs, ys = [mark % width for mark in marks], [mark // width for mark in marks]
    return min(xs) / width, min(ys) / height, (max(xs) + 1) / width, (max(ys) + 1) / height


def test_text_is_shown_for_its_time_only(media: MediaShelf) -> None:
    picture = show(written(media, "XXXXXXXX", size=0.5), media)
    shown = [any(data[1::3][at] > 60 for at in range(0, 160 * 90, 7)) for data in picture.frames]
    assert shown == [5 <= frame < 25 for frame in range(30)]


@pytest.mark.parametrize(
    ("align", "vertical", "box"),
    [
        ("left", "top", (0.5, 0.5, 1, 1)),
        ("right", "bottom", (0, 0, 0.5, 0.5)),
        ("center", "middle", (0.2, 0.2, 0.8, 0.8)),
    ],
)
def test_alignment_is_about_the_place(
    media: MediaShelf, align: str, vertical: str, box: tuple[float, float, float, float]
) -> None:
    picture = show(written(media, "XX", size=0.2, align=align, vertical_align=vertical), media)
    left, top, right, bottom = inked(picture, 10)
    assert (left >= box[0] - 0.02, top >= box[1] - 0.02, right <= box[2] + 0.02, bottom <= box[3] + 0.02) == (True,) * 4


def test_long_text_is_wrapped_within_its_width(media: MediaShelf) -> None:
    picture = show(written(media, "word " * 12, size=0.12, max_width=0.5), media)
    left, top, right, bottom = inked(picture, 10)
    assert right - left <= 0.52
    assert bottom - top > 0.35


def test_colors_outline_and_box(media: MediaShelf) -> None:
    picture = show(written(media, "I", size=1.2, color="#00ff00", outline=0.05, outline_color="#0000ff"), media)
    row = {picture.at(10, x / 160, 0.5) for x in range(160)}
    assert any(picture.is_at((0, 255, 0), 10, x / 160, slack=40) for x in range(160))
    assert any(picture.is_at((0, 0, 255), 10, x / 160, slack=40) for x in range(160))
    assert len(row) > 3
    boxed = show(written(media, ".", size=0.3, box_color="#0000ff80", box_padding=0.2), media)
    assert boxed.is_at((127, 0, 128), 10, 0.5, 0.4)


def test_no_character_is_an_instruction() -> None:
    assert escaped("a{\\b1}\\N\nz\r\n\tend\x00\x1b") == "a\\{\\\u2060b1\\}\\\u2060N\\Nz\\N\\h\\h\\h\\hend"


def test_odd_letters_change_nothing_but_themselves(media: MediaShelf) -> None:
    """Were any of it an override, the letter after it would look different."""
    plain = inked(show(written(media, "XX", size=0.2), media), 10)
    for odd in ("{\\fs90}", "{\\pos(0,0)}", "%{pts}", "\\N"):
        left, top, right, bottom = inked(show(written(media, f"X{odd}X", size=0.2), media), 10)
        assert right - left > plain[2] - plain[0] + 0.05
        assert bottom - top < 0.3


def test_a_font_asset_is_used_from_its_file(media: MediaShelf, tmp_path: Path) -> None:
    """Its family is one that no machine has, so only the file itself can have been used."""
    font = media.folder / "odd-font.ttf"
    family = family_of(default_font())
    strange = "Zq".ljust(len(family), "j")
    data = default_font().read_bytes().replace(family.encode("utf-16-be"), strange.encode("utf-16-be"))
    font.write_bytes(data.replace(family.encode(), strange.encode()))
    assert family_of(font).startswith("Zq")
    usual = show(written(media, "Wide", size=0.4), media)
    own = show(written(media, "Wide", size=0.4, font_asset_id="font"), media, asset_map={"font": str(font)})
    assert own.frames == usual.frames
    assert font.resolve() in own.plan.media_files


def test_what_is_no_font_is_refused(media: MediaShelf) -> None:
    for asset_map, code in (({}, "asset_missing"), ({"font": str(media.clip("red"))}, "unreadable_media")):
        with pytest.raises(PlanError) as caught:
            planned(written(media, "x", font_asset_id="font"), media, asset_map=asset_map)
        assert caught.value.code == code
        assert caught.value.pointer == "/tracks/children/1/children/1"


@pytest.mark.parametrize("parameters", [{}, {"text": ""}, {"text": "x", "size": 9}, {"text": "x", "colour": "#ffffff"}])
def test_wrong_parameters_are_refused(media: MediaShelf, parameters: Node) -> None:
    with pytest.raises(PlanError, match="the text's parameter"):
        planned(timeline(track(clip(generator("Text", **parameters), 0, 5))), media)


@pytest.mark.parametrize("name", ["srt", "ass"])
def test_burned_captions_are_seen_in_their_time(media: MediaShelf, name: str) -> None:
    cut, asset_map = captioned(media, name)
    picture = show(cut, media, asset_map=asset_map)
    shown = [sum(value > 60 for value in data[1::3]) > 20 for data in picture.frames]
    assert shown == [6 <= frame < 24 or 27 <= frame < 33 for frame in range(40)]
    assert edges(picture.plan) == (0, 6, 15, 18, 24, 27, 33, 40)
    part = show(cut, media, asset_map=asset_map, start_frame=10, end_frame=30)
    assert part.frames == picture.frames[10:30]


def test_muxed_captions_are_cut_to_the_part_that_is_rendered(media: MediaShelf) -> None:
    cut, asset_map = captioned(media, "srt", mode="mux", language="deu")
    (stream,) = planned(cut, media, asset_map=asset_map, start_frame=15, end_frame=30).subtitles
    assert stream.language == "deu"
    assert stream.srt == (
        "1\n00:00:00,000 --> 00:00:00,100\nfirst &\n\n"
        "2\n00:00:00,000 --> 00:00:00,300\nsecond\n\n"
        "3\n00:00:00,400 --> 00:00:00,500\nlast line\nof it\n"
    )
    cut, asset_map = captioned(media, "ass", mode="mux")
    (stream,) = planned(cut, media, asset_map=asset_map).subtitles
    assert "\nsecond, with a comma\n" in stream.srt


def test_a_caption_file_is_text_with_cues(tmp_path: Path) -> None:
    for content in (b"", b"\xff\xfe\x00", b"no cues at all", b"1\n00:00:02,000 --> 00:00:01,000\nbackwards\n"):
        path = tmp_path / "captions.srt"
        path.write_bytes(content)
        with pytest.raises(RenderError) as caught:
            read_captions(path)
        assert caught.value.code == "unreadable_media"
    path.write_bytes(b"\xef\xbb\xbf1\r\n00:00:01.5 --> 00:00:02,250\r\n<i>one</i>\r\n\r\n")
    (cue,) = read_captions(path).cues
    assert (float(cue.start), float(cue.end), cue.text) == (1.5, 2.25, "one")


def test_captions_that_are_missing_are_told_with_their_place(media: MediaShelf) -> None:
    cut, _ = captioned(media, "srt")
    with pytest.raises(PlanError) as caught:
        planned(cut, media)
    assert (caught.value.code, caught.value.pointer) == ("asset_missing", "/metadata/deskrun/captions/0")
