"""What becomes of a timeline from another tool: everything in it that is rendered, approximated or dropped.

``deskrun plan`` and whoever imports timelines call ``import_report``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worker.render.errors import Problem
from worker.render.sources import Sources
from worker.render.timeline import read_timeline

_ITEMS = frozenset({"Clip", "Gap", "Stack", "Track", "Transition", "Marker"})
_EFFECTS = frozenset({"Effect", "TimeEffect", "LinearTimeWarp", "FreezeFrame"})
_OURS = "deskrun"


@dataclass(frozen=True)
class Finding:
    """One thing of the document by its JSON pointer, and what it is or what became of it."""

    pointer: str
    what: str


@dataclass(frozen=True)
class ImportReport:
    """The fate of every item and effect of a timeline. With ``problems`` it cannot be rendered as it is.

    ``foreign_metadata`` are the other tools' namespaces, which are kept and never read.
    """

    supported: tuple[Finding, ...]
    approximated: tuple[Finding, ...]
    dropped: tuple[Finding, ...]
    problems: tuple[Problem, ...]
    foreign_metadata: tuple[str, ...]


def import_report(document: dict[str, Any], asset_map: dict[str, str], roots: Sequence[Path]) -> ImportReport:
    """Read ``document`` as a render would; RenderError where it is no timeline at all."""
    reading = read_timeline(document, Sources(asset_map, roots))
    noted = dict(reading.ignored)
    lost = {pointer for pointer in noted if pointer not in reading.replaced}
    wrong = {problem.pointer for problem in reading.problems}
    supported: list[Finding] = []
    dropped = [Finding(pointer, what) for pointer, what in reading.ignored if pointer in lost]
    namespaces: set[str] = set()
    for pointer, node, is_disabled in _nodes(document, "", is_disabled=False):
        metadata = node.get("metadata")
        namespaces |= {str(name) for name in metadata} - {_OURS} if isinstance(metadata, dict) else set()
        name = _name(node)
        if pointer in noted or any(pointer.startswith(f"{above}/") for above in lost):
            continue
        if is_disabled:
            dropped.append(Finding(pointer, f"{name} is disabled"))
        elif not any(place is not None and f"{place}/".startswith(f"{pointer}/") for place in wrong):
            supported.append(Finding(pointer, name))
    return ImportReport(
        supported=tuple(supported),
        approximated=tuple(Finding(pointer, what) for pointer, what in reading.ignored if pointer in reading.replaced),
        dropped=tuple(dropped),
        problems=tuple(reading.problems),
        foreign_metadata=tuple(sorted(namespaces)),
    )


def _name(node: dict[str, Any]) -> str:
    kind = str(node["OTIO_SCHEMA"]).partition(".")[0]
    title = node.get("name") or node.get("effect_name") or ""
    return f"{kind} {title!r}" if title else kind


def _nodes(value: Any, pointer: str, *, is_disabled: bool) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Items and effects in document order. Nothing below ``metadata`` is one."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _nodes(item, f"{pointer}/{index}", is_disabled=is_disabled)
    elif isinstance(value, dict):
        kind = str(value.get("OTIO_SCHEMA", "")).partition(".")[0]
        is_disabled = is_disabled or (kind in _ITEMS | _EFFECTS and value.get("enabled") is False)
        if kind in _ITEMS | _EFFECTS:
            yield pointer, value, is_disabled
        for key, item in value.items():
            if key != "metadata":
                yield from _nodes(item, f"{pointer}/{key}", is_disabled=is_disabled)
