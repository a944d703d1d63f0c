"""``deskrun render``: a timeline or manifest to a video file, on this machine alone."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.text import Text

from schemas.presets import BUILT_IN_PRESETS, RenderPreset
from schemas.renders import RenderManifest
from worker.cli.failures import CommandError, UsageError
from worker.cli.session import DataDirOption, JsonOption, open_settings, run
from worker.cli.terminal import Terminal, seconds_text, size_text
from worker.local_render import LocalRender, RenderOptions, prepare
from worker.render.engine import RenderResult, RenderUpdate, render
from worker.render.ffmpeg import find_ffmpeg
from worker.settings import Settings


def _preset_names(incomplete: str) -> list[str]:
    return [name for name in BUILT_IN_PRESETS if name.casefold().startswith(incomplete.casefold())]


PresetOption = Annotated[
    str | None,
    typer.Option(
        "--preset",
        metavar="NAME|FILE.json",
        help="A built-in preset or one of your own.",
        autocompletion=_preset_names,
    ),
]
StartFrameOption = Annotated[int | None, typer.Option(min=0, help="First frame, at the output's rate.")]
EndFrameOption = Annotated[int | None, typer.Option(min=1, help="The frame after the last one.")]


def render_command(
    source: Annotated[
        Path, typer.Argument(metavar="TIMELINE.otio|MANIFEST.json", exists=True, dir_okay=False, help="What to render.")
    ],
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to write it; a folder will do. Default: here."),
    ] = None,
    preset: PresetOption = None,
    start_frame: StartFrameOption = None,
    end_frame: EndFrameOption = None,
    asset: Annotated[
        list[str] | None, typer.Option(metavar="ID=PATH", help="Where an asset's file is. Repeatable.")
    ] = None,
    allow: Annotated[
        list[Path] | None,
        typer.Option(metavar="FOLDER", help="Another folder that media may come from. Repeatable."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the output if it is there.")] = False,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """Render a timeline to a video file, offline."""
    terminal = Terminal(json_output=json_output)
    settings = open_settings(data_dir=data_dir)
    options = RenderOptions(
        preset=None if preset is None else find_preset(preset),
        start_frame=start_frame,
        end_frame=end_frame,
        assets=_asset_paths(asset or []),
        allowed=[_folder(path) for path in allow or []],
    )
    prepared = prepare(source, options)
    target = _target(output, source, prepared.manifest)
    if target.exists() and not force:
        raise CommandError(f"{target} is already there", hint="Give another name with -o, or replace it with --force.")
    result = run(lambda: _render(terminal, settings, prepared, target))
    terminal.document(
        {
            "path": str(result.path),
            "size_bytes": result.size_bytes,
            "duration_seconds": result.duration_seconds,
            "frame_count": result.frame_count,
            "video_codec": result.video_codec,
            "encoder": result.encoder,
            "sha256": result.sha256,
            "crc32c": result.crc32c,
        }
    )
    terminal.say(Text(str(result.path), style="bold"))
    facts = (seconds_text(result.duration_seconds), f"{result.frame_count} frames", result.video_codec)
    terminal.say(Text(" · ".join((*facts, size_text(result.size_bytes))), style="dim"))


async def _render(terminal: Terminal, settings: Settings, prepared: LocalRender, target: Path) -> RenderResult:
    ffmpeg = await asyncio.to_thread(find_ffmpeg, settings.ffmpeg)
    with terminal.bar("rendering", 1) as advance:

        def show(update: RenderUpdate) -> None:
            advance(update.frames_done / max(update.frames_total, 1), update_text(update))

        return await render(
            prepared.manifest,
            output=target,
            roots=prepared.roots,
            ffmpeg=ffmpeg,
            on_update=show,
            threads=settings.render_threads,
        )


def update_text(update: RenderUpdate) -> str:
    """``frame 120 of 240, 98 fps, 1.2 s left``."""
    if update.phase != "rendering":
        return update.phase
    parts = [f"frame {update.frames_done} of {update.frames_total}"]
    if update.fps:
        parts.append(f"{update.fps:.0f} fps")
    if update.eta_seconds is not None:
        parts.append(f"{seconds_text(update.eta_seconds)} left")
    return ", ".join(parts)


def find_preset(text: str) -> RenderPreset:
    """A preset file, or the built-in preset whose name begins so, in any spelling such as ``draft-preview``."""
    if text.endswith(".json"):
        try:
            return RenderPreset.model_validate_json(Path(text).read_bytes())
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "file"
            raise UsageError(f"{text} is not a preset: {place}: {first['msg']}") from None
    wanted = _spelling(text)
    fitting = [preset for name, preset in BUILT_IN_PRESETS.items() if wanted and _spelling(name).startswith(wanted)]
    if len(fitting) == 1:
        return fitting[0]
    raise UsageError(
        f"there is no preset {text!r}", hint=f"Built in: {', '.join(BUILT_IN_PRESETS)}; or give a .json file."
    )


def _spelling(name: str) -> str:
    return name.casefold().replace("-", " ").replace("_", " ").strip()


def _asset_paths(pairs: list[str]) -> dict[str, Path]:
    paths: dict[str, Path] = {}
    for pair in pairs:
        asset_id, separator, place = pair.partition("=")
        if not separator or not asset_id or not place:
            raise UsageError(f"--asset {pair}: write it as ID=PATH")
        path = Path(place)
        if not path.is_file():
            raise UsageError(f"--asset {asset_id}: there is no file {path}")
        paths[asset_id] = path
    return paths


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise UsageError(f"--allow {path}: there is no such folder")
    return path


def _target(output: Path | None, source: Path, manifest: RenderManifest) -> Path:
    extension = f".{manifest.preset.video.container}"
    if output is None or output.is_dir():
        return (output or Path.cwd()).absolute() / f"{source.stem}{extension}"
    if not output.suffix:
        output = output.with_suffix(extension)
    elif output.suffix.lower() != extension:
        raise UsageError(
            f"{manifest.preset.name} makes {extension} files, not {output.suffix}",
            hint=f"Use -o {output.with_suffix(extension)}, or another --preset.",
        )
    if not output.absolute().parent.is_dir():
        raise UsageError(f"there is no folder {output.absolute().parent}")
    return output.absolute()
