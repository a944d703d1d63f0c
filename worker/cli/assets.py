"""``deskrun assets``: media of a project, up to the control plane and down to this desk."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from schemas.assets import Asset, AssetStatus
from worker.asset_push import PushedAsset, all_assets, push_asset
from worker.cli.failures import CommandError
from worker.cli.fetching import fetch, has_bytes, safe_file_name
from worker.cli.projects import ProjectOption, chosen_project
from worker.cli.session import ControlPlaneOption, DataDirOption, JsonOption, connected, open_settings, run
from worker.cli.terminal import Advance, Terminal, age_text, seconds_text, size_text
from worker.control_plane import ControlPlane
from worker.transfers import OnBytes, Transfers

assets_app = typer.Typer(no_args_is_help=True, help="Push, pull and list a project's media.")


@assets_app.command("push")
def push(
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="Media files.")],
    *,
    project: ProjectOption = None,
    control_plane: ControlPlaneOption = None,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """Upload media files. What the project has already is not sent again."""
    terminal = Terminal(json_output=json_output)
    settings = open_settings(control_plane=control_plane, data_dir=data_dir)
    for file in files:
        if file.stat().st_size == 0:
            raise CommandError(f"{file} is empty")

    async def main() -> list[PushedAsset]:
        async with connected(settings) as client, Transfers() as transfers:
            project_id = await chosen_project(client, project)
            return await push_all(terminal, client, transfers, project_id, files)

    pushed = run(main)
    terminal.document([{**each.asset.model_dump(mode="json"), "sent": each.sent} for each in pushed])
    for file, each in zip(files, pushed, strict=True):
        how = "uploaded" if each.sent else f"already there as {each.asset.asset_name}"
        terminal.say(Text.assemble((each.asset.asset_id, "bold"), f"  {file.name}  ", (how, "dim")))


async def push_all(
    terminal: Terminal, client: ControlPlane, transfers: Transfers, project_id: str, files: Sequence[Path]
) -> list[PushedAsset]:
    """Push one file after the other, each with a bar; the same bytes given twice are sent once."""
    known = await all_assets(client, project_id)
    pushed: list[PushedAsset] = []
    for file in files:
        with terminal.bar(file.name, file.stat().st_size) as advance:
            each = await push_asset(client, transfers, project_id, file, known=known, on_bytes=_show_bytes(advance))
        known.append(each.asset)
        pushed.append(each)
    return pushed


def _show_bytes(advance: Advance) -> OnBytes:
    return lambda done: advance(done, size_text(done))


@assets_app.command("list")
def list_(
    *,
    project: ProjectOption = None,
    control_plane: ControlPlaneOption = None,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """List the project's media, newest first."""
    terminal = Terminal(json_output=json_output)
    settings = open_settings(control_plane=control_plane, data_dir=data_dir)

    async def main() -> list[Asset]:
        async with connected(settings) as client:
            return await all_assets(client, await chosen_project(client, project))

    assets = run(main)
    terminal.document([asset.model_dump(mode="json") for asset in assets])
    terminal.table(
        ("asset", "name", "size", "media", "status", "added"),
        [
            (
                asset.asset_id,
                Text(asset.asset_name),
                "" if asset.size_bytes is None else size_text(asset.size_bytes),
                _media_text(asset),
                asset.status.value,
                age_text(asset.created_at),
            )
            for asset in assets
        ],
    )
    if not assets:
        terminal.note("No assets yet: add some with `deskrun assets push FILE...`.")


def _media_text(asset: Asset) -> str:
    if asset.media is None:
        return asset.asset_type
    sizes = [f"{s.width}x{s.height}" for s in asset.media.streams if s.width and s.height]
    codecs = [s.codec for s in asset.media.streams if s.kind in {"video", "audio"}]
    length = [] if asset.media.duration_seconds is None else [seconds_text(asset.media.duration_seconds)]
    return " ".join((*length, *sizes[:1], "+".join(codecs)))


@assets_app.command("pull")
def pull(
    asset_ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ASSET]...", help="Which ones; all of the project if none is named.")
    ] = None,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where to put them.")] = Path(),
    project: ProjectOption = None,
    control_plane: ControlPlaneOption = None,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """Download media. Files that are here already are not fetched again; others are never overwritten."""
    terminal = Terminal(json_output=json_output)
    settings = open_settings(control_plane=control_plane, data_dir=data_dir)
    output.mkdir(parents=True, exist_ok=True)

    async def main() -> list[tuple[Asset, Path]]:
        async with connected(settings) as client, Transfers() as transfers:
            project_id = await chosen_project(client, project)
            if asset_ids:
                assets = [(await client.get_asset(project_id, asset_id)).asset for asset_id in asset_ids]
            else:
                everything = await all_assets(client, project_id)
                assets = [asset for asset in everything if asset.status is AssetStatus.READY]
            return [
                (asset, await _pull_one(terminal, client, transfers, project_id, asset=asset, folder=output))
                for asset in assets
            ]

    pulled = run(main)
    terminal.document([{"asset_id": asset.asset_id, "path": str(path.absolute())} for asset, path in pulled])
    for asset, path in pulled:
        terminal.say(Text.assemble((asset.asset_id, "bold"), f"  {path}"))


async def _pull_one(
    terminal: Terminal, client: ControlPlane, transfers: Transfers, project_id: str, *, asset: Asset, folder: Path
) -> Path:
    path = await _free_path(asset, folder)
    if path.exists():
        return path
    with terminal.bar(path.name, asset.size_bytes or 0) as advance:
        await fetch(
            transfers,
            lambda: client.get_asset_download(project_id, asset.asset_id),
            path,
            size_bytes=asset.size_bytes,
            crc32c=asset.crc32c,
            on_bytes=_show_bytes(advance),
        )
    return path


async def _free_path(asset: Asset, folder: Path) -> Path:
    """A name in the folder that is free, or holds the asset's bytes already."""
    name = safe_file_name(asset.asset_name, fallback=asset.asset_id)
    candidates = (folder / name, folder / f"{asset.asset_id}-{name}")
    for path in candidates:
        if not path.exists() or await has_bytes(path, asset.size_bytes, asset.crc32c):
            return path
    raise CommandError(f"{candidates[1]} is another file", hint="Give another folder with -o.")
