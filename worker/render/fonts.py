"""Font files: the one to use where a document names none, and the family name by which libass will find one.

The source reader asks here; ``titles.py`` packs fonts into scripts.
"""

import struct
import sys
from functools import cache
from pathlib import Path

from worker.render.errors import RenderError

MAX_FONT_BYTES = 32 * 1024 * 1024

_FOLDERS = {
    "darwin": ("/System/Library/Fonts/Supplemental", "/System/Library/Fonts", "/Library/Fonts"),
    "win32": ("C:/Windows/Fonts",),
}
_UNIX_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts")
_DEFAULTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "Arial.ttf", "arial.ttf")
_MAGIC = (b"\x00\x01\x00\x00", b"OTTO", b"true", b"ttcf")
_FAMILY = 1
_WINDOWS, _UNICODE, _MACINTOSH = 3, 0, 1


@cache
def default_font() -> Path:
    """This machine's plain sans-serif font; RenderError ``asset_missing`` if it has none that is known."""
    for name in _DEFAULTS:
        for folder in _FOLDERS.get(sys.platform, _UNIX_FOLDERS):
            found = next(iter(sorted(Path(folder).rglob(name))), None)
            if found is not None:
                return found
    raise RenderError(
        "asset_missing",
        "this machine has none of the usual fonts",
        hint="give the text a font_asset_id, or install DejaVu or Noto fonts",
    )


def family_of(path: Path) -> str:
    """The font's family name, from its ``name`` table; RenderError ``unreadable_media`` if it is no font file."""
    try:
        data = path.read_bytes() if path.stat().st_size <= MAX_FONT_BYTES else b""
        start = struct.unpack_from(">I", data, 12)[0] if data[:4] == b"ttcf" else 0
        return _family(data, _name_table(data, start))
    except (ValueError, struct.error, OSError) as error:
        raise RenderError("unreadable_media", f"{path.name} is not readable as a font: {error}") from error


def _name_table(data: bytes, start: int) -> int:
    if data[:4] not in _MAGIC:
        raise ValueError("it does not begin like one, or is too large")
    (count,) = struct.unpack_from(">H", data, start + 4)
    for index in range(count):
        tag, _, offset, _ = struct.unpack_from(">4sIII", data, start + 12 + 16 * index)
        if tag == b"name":
            return int(offset)
    raise ValueError("no names in it")


def _family(data: bytes, table: int) -> str:
    _, count, strings = struct.unpack_from(">HHH", data, table)
    best: tuple[int, str] | None = None
    for index in range(count):
        platform, _, _, kind, length, offset = struct.unpack_from(">HHHHHH", data, table + 6 + 12 * index)
        if kind != _FAMILY or platform not in {_WINDOWS, _UNICODE, _MACINTOSH}:
            continue
        raw = data[table + strings + offset :][:length]
        name = raw.decode("mac-roman" if platform == _MACINTOSH else "utf-16-be", "replace")
        rank = (_WINDOWS, _UNICODE, _MACINTOSH).index(platform)
        if best is None or rank < best[0]:
            best = rank, name
    # A comma or a line end would be read as the next field of a style.
    name = "".join(letter for letter in (best[1] if best else "") if letter.isprintable() and letter != ",").strip()
    if not name:
        raise ValueError("no family name in it")
    return name
