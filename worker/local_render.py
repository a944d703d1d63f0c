"""Offline renders: a manifest or an ``.otio`` file made ready for the renderer, with no control plane involved.

``deskrun render`` calls it. Relative media paths count from the file's own folder (seed 000, "Offline Local Render").
"""

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from pydantic import ValidationError

from schemas.presets import STANDARD_EXPORT, RenderPreset
from schemas.renders import RenderManifest
from schemas.timelines import MediaReference, asset_id_of
from worker.assets.integrity import differs
from worker.checksums import checksum_file
from worker.render.errors import RenderError

MAX_SOURCE_BYTES = 64 * 1024 * 1024
"""Far above any hand-made cut; a video given by mistake is not read into memory."""

_URL_FIELDS = {"ExternalReference": "target_url", "ImageSequenceReference": "target_url_base"}


@dataclass(frozen=True)
class RenderOptions:
    """What the command line says about a render. None keeps what the file says, or the default."""

    preset: RenderPreset | None = None
    start_frame: int | None = None
    end_frame: int | None = None
    assets: Mapping[str, Path] = field(default_factory=dict)
    """Local files by asset id; they win over what the manifest says."""
    allowed: Sequence[Path] = ()
    """Folders that media may come from, besides the file's own and the current one."""


@dataclass(frozen=True)
class LocalRender:
    """A manifest in which every known asset is an absolute local path, and what media may be read."""

    manifest: RenderManifest
    roots: tuple[Path, ...]


def prepare(source: Path, options: RenderOptions) -> LocalRender:
    """Read ``source``, a render manifest or an OpenTimelineIO timeline. RenderError ``bad_manifest`` if neither."""
    document = _read(source)
    folder = source.absolute().parent
    assets = {asset_id: path.absolute() for asset_id, path in options.assets.items()}
    manifest = _manifest(document, source, options)
    _make_media_absolute(manifest.timeline, folder, {*manifest.asset_map, *assets})
    manifest = manifest.model_copy(update={"asset_map": _local_assets(manifest, assets, folder)})
    roots = (folder, Path.cwd(), *(path.absolute() for path in options.allowed), *assets.values())
    return LocalRender(manifest, tuple(dict.fromkeys(roots)))


def _read(source: Path) -> dict[str, Any]:
    if source.stat().st_size > MAX_SOURCE_BYTES:
        raise _neither(source)
    try:
        document = json.loads(source.read_bytes())
    except (ValueError, RecursionError):
        raise _neither(source) from None
    if not isinstance(document, dict):
        raise _neither(source)
    return document


def _neither(source: Path) -> RenderError:
    return RenderError(
        "bad_manifest",
        f"{source} is neither a render manifest nor an OpenTimelineIO timeline",
        hint="Give a JSON file with `schema_version`, or an .otio file whose OTIO_SCHEMA is Timeline.1.",
    )


def _manifest(document: dict[str, Any], source: Path, options: RenderOptions) -> RenderManifest:
    frames = {"start_frame": options.start_frame, "end_frame": options.end_frame}
    given: dict[str, Any] = {name: frame for name, frame in frames.items() if frame is not None}
    if options.preset is not None:
        given["preset"] = options.preset
    if str(document.get("OTIO_SCHEMA", "")).startswith("Timeline."):
        made = {
            "job_id": f"local:{uuid.uuid4().hex}",
            "project_id": "local",
            "timeline": document,
            "preset": STANDARD_EXPORT,
            "output_path": source.stem,
            "output_filename": source.stem,
        }
    elif "timeline" in document or "timeline_snapshot" in document:
        made = document
    else:
        raise _neither(source)
    try:
        return RenderManifest.model_validate({**made, **given})
    except ValidationError as error:
        first = error.errors()[0]
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        pointer = "/" + "/".join(str(part) for part in first["loc"])
        raise RenderError("bad_manifest", f"{source}: {first['msg']}{more}", pointer=pointer) from None


def _make_media_absolute(timeline: dict[str, Any], folder: Path, assets: set[str]) -> None:
    """Turn ``target_url`` of every reference to a file, not an asset, into an absolute path, in place."""
    for reference, name in _external_references(timeline):
        url = reference.get(name)
        if isinstance(url, str) and url not in assets and _names_file(reference, url):
            reference[name] = str(_local_path(url, folder))


def _external_references(timeline: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Every reference to files, and which of its fields says where they are."""
    waiting: list[Any] = [timeline]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(node)
        elif isinstance(node, dict):
            kind = str(node.get("OTIO_SCHEMA", "")).partition(".")[0]
            if kind in _URL_FIELDS:
                yield node, _URL_FIELDS[kind]
            else:
                waiting.extend(node.values())


def _names_file(reference: dict[str, Any], url: str) -> bool:
    try:
        asset_id = asset_id_of(MediaReference.model_validate(reference))
    except ValidationError:
        return False  # the renderer says what is wrong with it
    scheme = urlsplit(url).scheme
    return asset_id is None and (len(scheme) <= 1 or scheme == "file")  # one letter is a Windows drive


def _local_path(url: str, folder: Path) -> Path:
    if url.startswith("file:"):
        return folder / url2pathname(urlsplit(url).path)
    literal = folder / url
    decoded = folder / unquote(url)
    return decoded if decoded.exists() and not literal.exists() else literal


def _local_assets(manifest: RenderManifest, given: Mapping[str, Path], folder: Path) -> dict[str, str]:
    """Every asset as an absolute local path. A file that was given is taken as it is, others must be what is stated."""
    found: dict[str, str] = {asset_id: str(path) for asset_id, path in given.items()}
    missing: list[str] = []
    for asset_id, place in manifest.asset_map.items():
        if asset_id in found:
            continue
        path = folder / place
        if place.startswith("gs://") or not path.is_file():
            missing.append(asset_id)
        else:
            _require_stated_bytes(asset_id, path, manifest)
            found[asset_id] = str(path)
    if missing:
        raise RenderError(
            "asset_missing",
            f"not on this machine: {', '.join(missing)}",
            hint=f"Say where the file is with `--asset {missing[0]}=PATH`"
            + (", once for each." if len(missing) > 1 else "."),
        )
    return found


def _require_stated_bytes(asset_id: str, path: Path, manifest: RenderManifest) -> None:
    stated = manifest.asset_integrity.get(asset_id)
    difference = differs(checksum_file(path), stated) if stated else None
    if difference is not None:
        raise RenderError(
            "bad_manifest",
            f"{path} is not the asset {asset_id} that the manifest means: {difference}",
            hint=f"To use it anyway, give it with `--asset {asset_id}={path}`.",
        )
