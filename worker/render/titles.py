"""Texts and captions as scripts for libass, which shapes, wraps and orders any writing. Called by ``shots.py``.

A text's font travels inside the script, so that nothing but the script and ffmpeg's own fallbacks decides its shape.
"""

import binascii
from pathlib import Path

from worker.render.sources import Text

_STYLE = (
    "Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, "
    "StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, "
    "Encoding"
)
_OUTLINED, _BOXED = 1, 4
_AUTO_DIRECTION = -1
_ROWS = {"bottom": 0, "middle": 3, "top": 6}
_COLUMNS = {"left": 1, "center": 2, "right": 3}
_WORD_JOINER = "\u2060"
_LINE = 80


def script_of(text: Text, width: int, height: int) -> str:
    """The script that shows ``text`` on a canvas of this size, always."""
    margin = round(width * (1 - text.max_width) / 2)
    style = {
        "Name": "text",
        "Fontname": text.family,
        "Fontsize": f"{text.size * height:.3f}",
        "PrimaryColour": _color(text.color),
        "SecondaryColour": _color(text.color),
        "OutlineColour": _color(text.outline_color),
        "BackColour": _color(text.box_color or "#00000000"),
        "Bold": -1 if text.bold else 0,
        "Italic": -1 if text.italic else 0,
        "Underline": 0,
        "StrikeOut": 0,
        "ScaleX": 100,
        "ScaleY": 100,
        "Spacing": 0,
        "Angle": 0,
        "BorderStyle": _BOXED if text.box_color else _OUTLINED,
        "Outline": f"{text.outline * height:.3f}",
        "Shadow": f"{text.box_padding * height:.3f}" if text.box_color else 0,
        "Alignment": _ROWS[text.vertical_align] + _COLUMNS[text.align],
        "MarginL": margin,
        "MarginR": margin,
        "MarginV": 0,
        "Encoding": _AUTO_DIRECTION,
    }
    assert ", ".join(style) == _STYLE  # noqa: S101 - the order is the format
    place = rf"{{\pos({text.x * width:.2f},{text.y * height:.2f})}}"
    return "\n".join(
        [
            "[Script Info]",
            "ScriptType: v4.00+",
            f"PlayResX: {width}",
            f"PlayResY: {height}",
            "WrapStyle: 0",
            "ScaledBorderAndShadow: yes",
            "YCbCr Matrix: None",
            "[V4+ Styles]",
            f"Format: {_STYLE}",
            f"Style: {','.join(str(value) for value in style.values())}",
            *_fonts(text.font),
            "[Events]",
            "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text",
            f"Dialogue: 0,0:00:00.00,9:59:59.99,text,,0,0,0,,{place}{escaped(text.text)}",
            "",
        ]
    )


def escaped(text: str) -> str:
    """``text`` as libass shows it literally: no override blocks, no escapes, line ends as line ends."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    clean = (
        "".join(c for c in line if c.isprintable() or c in "\t\u200c\u200d\u200e\u200f\u202a\u202b\u202c")
        for line in lines
    )
    literal = (line.replace("\\", f"\\{_WORD_JOINER}").replace("{", "\\{").replace("}", "\\}") for line in clean)
    return r"\N".join(line.replace("\t", r"\h\h\h\h") for line in literal)


def _color(color: str) -> str:
    """``#rrggbb`` or ``#rrggbbaa`` as ASS counts: alpha first and upside down, then blue, green, red."""
    red, green, blue, *alpha = bytes.fromhex(color[1:])
    return f"&H{255 - (alpha[0] if alpha else 255):02X}{blue:02X}{green:02X}{red:02X}"


def _fonts(path: Path) -> list[str]:
    """A font in ASS's own encoding: three bytes as four letters from ``!`` on."""
    data = path.read_bytes()
    # The same groups of six bits as base64, each standing for another letter.
    letters = binascii.b2a_base64(data, newline=False).rstrip(b"=").translate(_FROM_BASE64).decode()
    return ["[Fonts]", "fontname: font.ttf", *(letters[at : at + _LINE] for at in range(0, len(letters), _LINE))]


_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_FROM_BASE64 = bytes.maketrans(_ALPHABET, bytes(range(33, 33 + 64)))
