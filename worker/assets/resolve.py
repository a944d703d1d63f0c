"""Turns a job's manifest into one whose every asset is a local file. ``worker/job_runner.py`` calls it per attempt."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from schemas.renders import AssetIntegrity, RenderManifest
from worker.assets.cache import AssetCache
from worker.assets.overrides import Overrides
from worker.control_plane import ControlPlane
from worker.errors import Gone, Refused, TicketExpired


class AssetRefusedError(Exception):
    """An asset cannot be used: ``code`` is the job's ``error_code``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class AssetResolver:
    """The places an asset can come from, in their order: override, cache, download."""

    def __init__(self, control_plane: ControlPlane, cache: AssetCache, overrides: Overrides) -> None:
        self._control_plane = control_plane
        self.cache = cache
        self._overrides = overrides
        self.roots = (*overrides.folders, cache.folder.resolve())
        """Below these the renderer may read."""

    async def resolve(
        self, manifest: RenderManifest, scratch: Path, *, on_done: Callable[[int, int], None]
    ) -> RenderManifest:
        """The manifest with absolute paths; downloads pass through ``scratch``.

        ``on_done`` is told how many of how many assets are here. Raises AssetRefusedError, AssetCorruptError, OSError
        for the disk, and errors of the control plane.
        """
        paths: dict[str, str] = {}
        for asset_id, place in manifest.asset_map.items():
            on_done(len(paths), len(manifest.asset_map))
            wanted = manifest.asset_integrity.get(asset_id, AssetIntegrity())
            if Path(place).is_absolute():
                paths[asset_id] = str(self._allowed(asset_id, Path(place)))
            else:
                paths[asset_id] = str(await self._bring(manifest.project_id, asset_id, place, wanted, scratch))
        return manifest.model_copy(update={"asset_map": paths})

    def _allowed(self, asset_id: str, path: Path) -> Path:
        """A server must not be able to make this desk read (and upload) just any of its files."""
        real = path.resolve()
        if not any(real.is_relative_to(root) for root in self.roots):
            raise AssetRefusedError(
                "outside_roots", f"asset {asset_id}: {path} is not in an override folder of this desk"
            )
        if not real.is_file():
            raise AssetRefusedError("asset_missing", f"asset {asset_id}: {path} does not exist on this desk")
        return real

    async def _bring(self, project_id: str, asset_id: str, place: str, wanted: AssetIntegrity, scratch: Path) -> Path:
        override = await asyncio.to_thread(self._overrides.find, asset_id, wanted)
        if override is not None:
            return override

        async def get_url() -> str:
            return (await self._control_plane.get_asset_download(project_id, asset_id)).url

        try:
            partial = scratch / f"{asset_id}.partial"
            return await self.cache.fetch(asset_id, wanted, get_url, name=place, partial=partial)
        except (Gone, TicketExpired, Refused) as error:
            raise AssetRefusedError("asset_missing", f"asset {asset_id}: {error}") from error
