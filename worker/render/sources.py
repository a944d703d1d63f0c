"""What a clip shows or plays: a media file below the allowed folders, or a generator. The timeline reader asks here."""

import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from schemas.timelines import MediaReference, asset_id_of
from worker.render.errors import RenderError
from worker.render.probe import Media, read_media

_BLACK = (0, 0, 0, 255)
_REFERENCE_TONE_HERTZ = 1000.0


@dataclass(frozen=True)
class SolidColor:
    """One colour for the whole picture; components 0..255, the last is alpha."""

    rgba: tuple[int, int, int, int]


@dataclass(frozen=True)
class Bars:
    """SMPTE colour bars."""


@dataclass(frozen=True)
class Tone:
    """A sine tone at -18 dBFS, as line-up tones are (EBU R68)."""

    hertz: float


Source = Media | SolidColor | Bars | Tone


class Sources:
    """Finds the source of a media reference, and reads every file only once."""

    def __init__(self, asset_map: Mapping[str, str], roots: Sequence[Path]) -> None:
        self._asset_map = asset_map
        self._roots = [root.resolve() for root in roots]
        self._read: dict[Path, Media | RenderError] = {}

    def find(self, reference: MediaReference | None) -> Source:
        """The source of ``reference``; RenderError says why there is none."""
        kind = "" if reference is None else reference.OTIO_SCHEMA.partition(".")[0]
        if reference is None or kind == "MissingReference":
            raise RenderError("asset_missing", "the clip has no media")
        if kind == "GeneratorReference":
            return _generator(reference.model_extra or {})
        if kind != "ExternalReference":
            raise RenderError("bad_manifest", f"{kind} is not supported; use an ExternalReference")
        return self._media(self._path(reference))

    def _path(self, reference: MediaReference) -> str:
        asset_id = asset_id_of(reference)
        url = (reference.model_extra or {}).get("target_url")
        if asset_id is None and isinstance(url, str) and url in self._asset_map:
            asset_id = url
        if asset_id is not None:
            if asset_id not in self._asset_map:
                raise RenderError("asset_missing", f"asset {asset_id} is not in the asset_map")
            return self._asset_map[asset_id]
        if not isinstance(url, str) or not url:
            raise RenderError("asset_missing", "the clip's reference names neither an asset nor a file")
        return url

    def _media(self, place: str) -> Media:
        path = self._allowed(place)
        if path not in self._read:
            try:
                self._read[path] = read_media(path)
            except RenderError as error:
                self._read[path] = error
        found = self._read[path]
        if isinstance(found, RenderError):
            raise found
        return found

    def _allowed(self, place: str) -> Path:
        if place.startswith("file:"):
            place = url2pathname(urlsplit(place).path)
        if place.startswith("gs://"):
            raise RenderError("asset_missing", f"{place} has not been downloaded")
        path = Path(place)
        if "\x00" in place or not path.is_absolute():
            raise RenderError("bad_manifest", f"{place!r} is not an absolute local path")
        try:
            path = path.resolve(strict=True)
        except OSError:
            # Not "missing" before it is known to be ours: errors must not map the disk for a stranger.
            if not any(path.resolve().is_relative_to(root) for root in self._roots):
                raise _outside(place) from None
            raise RenderError("asset_missing", f"{place} does not exist") from None
        if not any(path.is_relative_to(root) for root in self._roots):
            raise _outside(place)
        if not stat.S_ISREG(path.stat().st_mode):
            raise RenderError("unreadable_media", f"{place} is not a regular file")
        return path


def _outside(place: str) -> RenderError:
    return RenderError("outside_roots", f"{place} is outside the folders that media may come from")


def _generator(fields: Mapping[str, Any]) -> Source:
    given = fields.get("parameters")
    parameters: Mapping[str, Any] = given if isinstance(given, dict) else {}
    kind = str(fields.get("generator_kind", "")).lower()
    if kind in {"slug", "black"}:
        return SolidColor(_BLACK)
    if kind == "solidcolor":
        return SolidColor(_rgba(parameters.get("color", "#000000")))
    if kind in {"bars", "smptebars"}:
        return Bars()
    if kind == "tone":
        return Tone(_hertz(parameters.get("frequency", _REFERENCE_TONE_HERTZ)))
    raise RenderError(
        "bad_manifest",
        f"generator {fields.get('generator_kind')!r} is not supported; there are SolidColor, Slug, Bars and Tone",
    )


def _rgba(color: Any) -> tuple[int, int, int, int]:
    """``#rrggbb``, ``#rrggbbaa``, or three or four numbers from 0 to 1."""
    parts: list[int] = []
    if isinstance(color, str) and len(color) in {7, 9} and color.startswith("#"):
        try:
            parts = list(bytes.fromhex(color[1:]))
        except ValueError:
            parts = []
    elif isinstance(color, list) and all(isinstance(c, int | float) and 0 <= c <= 1 for c in color):
        parts = [round(c * 255) for c in color]
    if len(parts) not in {3, 4}:
        raise RenderError("bad_manifest", f"{color!r} is no colour; write '#rrggbb' or [r, g, b] from 0 to 1")
    red, green, blue, *alpha = parts
    return red, green, blue, alpha[0] if alpha else 255


def _hertz(value: Any) -> float:
    if isinstance(value, int | float) and 10 <= value <= 20_000:
        return float(value)
    raise RenderError("bad_manifest", f"{value!r} is no frequency of a tone; write 10 to 20000 hertz")
