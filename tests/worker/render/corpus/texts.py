"""Timelines of texts and captions, of 40 frames or less at 30 per second."""

from typing import Any

from tests.support.media import MediaShelf
from tests.worker.render.corpus.picture_cuts import Builder, keys, ours
from tests.worker.render.cuts import Node, clip, dissolve, gap, generator, timeline, track

ODD = "it's 100%: \\ [a],b;c 'q' \"x\" {\\b1}y{} <i>z</i> $HOME %{pts} \\N \\h"


def written(media: MediaShelf, text: str, **parameters: Any) -> Node:
    words = clip(generator("Text", text=text, **parameters), 0, 20)
    return timeline(track(clip(media.clip("red"), 0, 30)), track(gap(5), words))


SRT = """1
00:00:00,200 --> 00:00:00,600
<i>first</i> &

2
00:00:00,500 --> 00:00:00,800
second

3
00:00:00,900 --> 00:00:01,100
last line
of it
"""
ASS = """[Script Info]
ScriptType: v4.00+
PlayResX: 320
PlayResY: 180

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, OutlineColour, Bold, Italic, BorderStyle, Outline, Alignment, Encoding
Style: Default,DejaVu Sans,40,&H00FFFFFF,&H00000000,0,0,1,2,2,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Comment: 0,0:00:00.00,0:00:09.00,Default,,0,0,0,,never seen
Dialogue: 0,0:00:00.90,0:00:01.10,Default,,0,0,0,,{\\move(20,90,300,90)}last
Dialogue: 0,0:00:00.20,0:00:00.60,Default,,0,0,0,,{\\an8}first
Dialogue: 1,0:00:00.50,0:00:00.80,Default,,0,0,0,,second, with a comma
"""


def captioned(media: MediaShelf, name: str, **fields: Any) -> tuple[Node, dict[str, str]]:
    """A red clip of 40 frames with captions, and the asset map that it needs."""
    path = media.folder / f"captions.{name}"
    path.write_text({"srt": SRT, "ass": ASS}[name], encoding="utf-8")
    captions = {"asset_id": "captions", "size": 0.2, **fields}
    cut = timeline(track(clip(media.clip("red"), 0, 40)), metadata=ours(captions=[captions]))
    return cut, {"captions": str(path)}


TEXTS: dict[str, Builder] = {
    "words": lambda m: written(m, "Hello render", size=0.25),
    "odd_letters": lambda m: written(m, ODD, size=0.12),
    "box": lambda m: written(m, "boxed", size=0.2, box_color="#00000080", y=0.9, vertical_align="bottom"),
    "outline": lambda m: written(m, "outlined", size=0.3, outline=0.03, outline_color="#0000ff", color="#ffff00"),
    "wrapped_left": lambda m: written(
        m, "several words that do not fit on one line", size=0.15, x=0.05, y=0.05, align="left", vertical_align="top"
    ),
    "lines": lambda m: written(m, "one\ntwo\r\n\nfour", size=0.15, align="right", x=0.95, bold=True, italic=True),
    "arabic_and_hebrew": lambda m: written(m, "مرحبا بالعالم 42\nשלום עולם", size=0.25),  # noqa: RUF001 - that is how it is written
    "emoji": lambda m: written(m, "☀ ☺ ♥ 😀", size=0.3),
    "moving_words": lambda m: timeline(
        track(clip(m.clip("red"), 0, 30)),
        track(
            dissolve(0, 6),
            clip(
                generator("Text", text="moving", size=0.3, color="#ffffffc0"),
                0,
                24,
                metadata=ours(transform={"x": keys((0, 0.2), (0.7, 0.8)), "rotation_degrees": keys((0, 0), (0.7, 45))}),
            ),
        ),
    ),
}
