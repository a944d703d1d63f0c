"""Reads the timeline version and the assets that a render needs, and writes its manifest of them.

Called by ``create_render``, and by ``get_manifest`` where that died in between.
"""

import io
import json
from dataclasses import dataclass
from typing import Any

from functions.domain import renders, timelines
from functions.domain.assets import ASSETS, AssetRecord
from functions.domain.renders import RenderRecord
from functions.domain.timelines import TIMELINES, TimelineRecord
from functions.errors import InvalidTimeline, NotFound
from functions.ports import Services, Where
from functions.store import every
from schemas.assets import AssetStatus
from schemas.errors import FieldError
from schemas.renders import AssetIntegrity, RenderManifest
from schemas.timelines import Timeline

FEW_ASSETS = 8
"""Up to here one read an asset is cheaper than listing the project's."""


@dataclass(frozen=True)
class RenderSources:
    """A timeline document and the assets it uses: where they are and what their bytes must be."""

    timeline: dict[str, Any]
    asset_map: dict[str, str]
    asset_integrity: dict[str, AssetIntegrity]


def load_sources(services: Services, project_id: str, version: int) -> RenderSources:
    """Everything a manifest takes from the project; InvalidTimeline lists every problem with its JSON pointer."""
    document = services.documents.get(TIMELINES, timelines.record_id(project_id, version))
    if document is None:
        raise NotFound(f"This project has no timeline version {version}.")
    with services.objects.open(TimelineRecord.load(document).object_name) as stream:
        content: dict[str, Any] = json.load(stream)
    timeline = Timeline.model_validate(content)
    problems = timelines.problems(timeline)
    used = timelines.referenced_assets(timeline)
    assets = _assets(services, project_id, list(used))
    for asset_id, pointers in used.items():
        if (why := _unusable(assets.get(asset_id))) is not None:
            problems += [FieldError(pointer=pointer, message=f"asset {asset_id} {why}") for pointer in pointers]
    if problems:
        raise InvalidTimeline(f"The timeline cannot be rendered: {_summary(problems)}", errors=problems)
    return RenderSources(
        timeline=content,
        asset_map={asset_id: assets[asset_id].object_name for asset_id in used},
        asset_integrity={asset_id: _integrity(assets[asset_id]) for asset_id in used},
    )


def write_manifest(services: Services, job: RenderRecord, sources: RenderSources) -> None:
    """Store the job's manifest; ``sources`` are those of the version that the job pins."""
    bucket = services.objects.bucket
    manifest = RenderManifest(
        job_id=job.job_id,
        project_id=job.project_id,
        timeline_version=job.timeline_version,
        timeline=sources.timeline,
        asset_map=sources.asset_map,
        asset_integrity=sources.asset_integrity,
        preset=job.preset,
        input_bucket=bucket,
        output_bucket=bucket,
        output_path=renders.output_path(job.changed(attempt=1)),
        output_filename=job.output_filename,
        start_frame=job.start_frame,
        end_frame=job.end_frame,
        execution_mode=job.execution_mode,
    )
    content = io.BytesIO(manifest.model_dump_json().encode())
    services.objects.write(job.manifest_path, content, content_type="application/json")


def _assets(services: Services, project_id: str, asset_ids: list[str]) -> dict[str, AssetRecord]:
    if len(asset_ids) <= FEW_ASSETS:
        found = [services.documents.get(ASSETS, asset_id) for asset_id in asset_ids]
        records = [AssetRecord.load(document) for document in found if document is not None]
    else:
        wanted = set(asset_ids)
        documents = every(services.documents, ASSETS, Where("project_id", "==", project_id))
        records = [AssetRecord.load(document) for document in documents if document["asset_id"] in wanted]
    return {record.asset_id: record for record in records if record.project_id == project_id}


def _unusable(asset: AssetRecord | None) -> str | None:
    if asset is None:
        return "does not exist in this project"
    return None if asset.status is AssetStatus.READY else "was not uploaded completely"


def _integrity(asset: AssetRecord) -> AssetIntegrity:
    return AssetIntegrity(size_bytes=asset.size_bytes, crc32c=asset.crc32c, sha256=asset.sha256)


def _summary(problems: list[FieldError]) -> str:
    first = f"{problems[0].pointer} {problems[0].message}"
    return first if len(problems) == 1 else f"{first}, and {len(problems) - 1} more"
