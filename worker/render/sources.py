"""What a clip shows or plays: a media file below the allowed folders, or a generator. The timeline reader asks here."""

import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from urllib.request import url2pathname

from pydantic import BaseModel, Field, StringConstraints, ValidationError

from schemas.deskrun_extension import TextParameters
from schemas.timelines import MediaReference, asset_id_of
from worker.render.errors import RenderError
from worker.render.fonts import default_font, family_of
from worker.render.probe import FrameFiles, Media, read_media, read_sequence
from worker.render.times import exact_rate

MAX_SEQUENCE_FILES = 100_000

_BLACK = (0, 0, 0, 255)
_SLATE_COLOR = "#a0004f"
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


@dataclass(frozen=True)
class Text:
    """Written words; lengths as in ``schemas.deskrun_extension.TextParameters``. ``family`` is the font's own name."""

    text: str
    font: Path
    family: str
    size: float
    color: str
    outline_color: str
    outline: float
    box_color: str | None
    box_padding: float
    x: float
    y: float
    align: str
    vertical_align: str
    max_width: float
    bold: bool
    italic: bool
    background: str | None = None
    """The colour of the whole canvas behind it; None for nothing."""


@dataclass(frozen=True)
class SubtitleScript:
    """An ASS script, of which a shot shows what belongs to its time."""

    script: str


Source = Media | SolidColor | Bars | Tone | Text | SubtitleScript


class SequenceFields(BaseModel):
    """The fields of OTIO's ImageSequenceReference; every image is used, so ``frame_step`` must be 1."""

    target_url_base: str
    name_prefix: Annotated[str, StringConstraints(pattern=r"^[^/\\]*$")] = ""
    name_suffix: Annotated[str, StringConstraints(pattern=r"^[^/\\]*$")] = ""
    start_frame: int = Field(default=1, ge=0, le=100_000_000)
    frame_step: Literal[1] = 1
    rate: float = Field(default=1, ge=0.1, le=240)
    frame_zero_padding: int = Field(default=0, ge=0, le=12)


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
            return self._generator(reference.model_extra or {})
        if kind == "ImageSequenceReference":
            return self._sequence(reference)
        if kind != "ExternalReference":
            raise RenderError("bad_manifest", f"{kind} is not supported; use an ExternalReference")
        return self._media(self._path(reference))

    def _generator(self, fields: Mapping[str, Any]) -> Source:
        if str(fields.get("generator_kind", "")).lower() != "text":
            return _generator(fields)
        try:
            return self.text(TextParameters.model_validate(fields.get("parameters") or {}))
        except ValidationError as error:
            mistake = error.errors()[0]
            where = "/".join(str(part) for part in mistake["loc"])
            raise RenderError("bad_manifest", f"the text's parameter {where}: {mistake['msg']}") from error

    def text(self, wanted: TextParameters) -> Text:
        """A text with its font; RenderError if there is none or it is no font."""
        font = default_font() if wanted.font_asset_id is None else self.asset(wanted.font_asset_id)
        fields = wanted.model_dump(exclude={"font_asset_id"})
        return Text(font=font, family=family_of(font), **fields)

    def slate(self, message: str) -> Text:
        """A loud picture that says what is missing."""
        text = self.text(TextParameters(text=message[:500], size=0.06, max_width=0.8))
        return replace(text, background=_SLATE_COLOR)

    def asset(self, asset_id: str) -> Path:
        """The file of an asset that is no media; RenderError says why there is none."""
        if asset_id not in self._asset_map:
            raise RenderError("asset_missing", f"asset {asset_id} is not in the asset_map")
        return self._allowed(self._asset_map[asset_id])

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

    def _sequence(self, reference: MediaReference) -> Media:
        """The images that the reference counts up to, or that follow each other without a gap."""
        try:
            wanted = SequenceFields.model_validate(reference.model_extra or {})
        except ValidationError as error:
            mistake = error.errors()[0]
            where = "/".join(str(part) for part in mistake["loc"])
            raise RenderError("bad_manifest", f"the image sequence's {where}: {mistake['msg']}") from error
        available = reference.available_range
        count = None if available is None else round(available.duration.seconds * wanted.rate)
        if count is not None and not 1 <= count <= MAX_SEQUENCE_FILES:
            raise RenderError("bad_manifest", f"{count} images are not from 1 to {MAX_SEQUENCE_FILES}")
        files: list[Path] = []
        for number in range(MAX_SEQUENCE_FILES if count is None else count):
            digits = f"{wanted.start_frame + number:0{wanted.frame_zero_padding}d}"
            place = f"{wanted.target_url_base.rstrip('/')}/{wanted.name_prefix}{digits}{wanted.name_suffix}"
            try:
                files.append(self._allowed(place))
            except RenderError as error:
                if count is None and files and error.code == "asset_missing":
                    break
                raise
        named = {path.parent for path in files}
        if len(named) != 1:
            raise RenderError("bad_manifest", "the images of a sequence must lie in one folder")
        frames = FrameFiles(
            files=tuple(files),
            prefix=wanted.name_prefix,
            digits=wanted.frame_zero_padding,
            suffix=wanted.name_suffix,
            first=wanted.start_frame,
            rate=exact_rate(wanted.rate),
        )
        return read_sequence(frames)

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
        f"generator {fields.get('generator_kind')!r} is not supported; there are SolidColor, Slug, Bars, Tone and Text",
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
