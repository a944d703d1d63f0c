"""``deskrun render``: a timeline or manifest to a video file, on this machine alone."""

import asyncio
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.text import Text

from schemas.presets import BUILT_IN_PRESETS, RenderPreset
from schemas.renders import RenderManifest
from worker.cli.failures import CommandError, UsageError, explained
from worker.cli.session import DataDirOption, JsonOption, open_settings, run
from worker.cli.terminal import Terminal, seconds_text, show_error, size_text
from worker.local_render import LocalRender, RenderOptions, prepare
from worker.render.cache import SegmentCache
from worker.render.engine import RenderResult, RenderUpdate, render
from worker.render.errors import RenderError
from worker.render.ffmpeg import find_ffmpeg
from worker.render.watch import keep_rendered, named_files
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


SourceArgument = Annotated[
    Path, typer.Argument(metavar="TIMELINE.otio|MANIFEST.json", exists=True, dir_okay=False, help="What to render.")
]
AssetOption = Annotated[list[str] | None, typer.Option(metavar="ID=PATH", help="Where an asset's file is. Repeatable.")]
AllowOption = Annotated[
    list[Path] | None,
    typer.Option(metavar="FOLDER", help="Another folder that media may come from. Repeatable."),
]


def render_command(
    source: SourceArgument,
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to write it; a folder will do. Default: here."),
    ] = None,
    preset: PresetOption = None,
    start_frame: StartFrameOption = None,
    end_frame: EndFrameOption = None,
    asset: AssetOption = None,
    allow: AllowOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the output if it is there.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Render again whenever the timeline or its media is saved.")
    ] = False,
    previews: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Put a poster, the beginning and a contact sheet here.", file_okay=False),
    ] = None,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """Render a timeline to a video file, offline."""
    terminal = Terminal(json_output=json_output)
    settings = open_settings(data_dir=data_dir)
    options = render_options(preset=preset, start_frame=start_frame, end_frame=end_frame, asset=asset, allow=allow)
    prepared = prepare(source, options)
    target = _target(output, source, prepared.manifest)
    if target.exists() and not force:
        raise CommandError(f"{target} is already there", hint="Give another name with -o, or replace it with --force.")
    if previews is not None:
        previews.mkdir(parents=True, exist_ok=True)
    desk = _Desk(terminal, settings, target, previews)
    if watch:
        run(lambda: _watch(desk, source, options))
    desk.show(run(lambda: desk.render(prepared)))


@dataclass(frozen=True)
class _Desk:
    """Renders to ``target`` and says so."""

    terminal: Terminal
    settings: Settings
    target: Path
    previews: Path | None

    async def render(self, prepared: LocalRender) -> RenderResult:
        ffmpeg = await asyncio.to_thread(find_ffmpeg, self.settings.ffmpeg)
        cache = SegmentCache(self.settings.render_cache_dir, max_bytes=self.settings.render_cache_max_bytes)
        with self.terminal.bar("rendering", 1) as advance:

            def show(update: RenderUpdate) -> None:
                advance(update.frames_done / max(update.frames_total, 1), update_text(update))

            return await render(
                prepared.manifest,
                output=self.target,
                roots=prepared.roots,
                ffmpeg=ffmpeg,
                on_update=show,
                threads=self.settings.render_threads,
                cache=cache,
                previews=None if self.previews is None else self.previews.absolute(),
            )

    def show(self, result: RenderResult) -> None:
        document = {name: value for name, value in asdict(result).items() if name != "path"}
        self.terminal.document({"path": str(result.path), **document})
        self.terminal.say(Text(str(result.path), style="bold"))
        facts = (seconds_text(result.duration_seconds), f"{result.frame_count} frames", result.video_codec)
        self.terminal.say(Text(" · ".join((*facts, size_text(result.size_bytes))), style="dim"))


async def _watch(desk: _Desk, source: Path, options: RenderOptions) -> None:
    """Render after every change until interrupted. What is wrong with one version is said, and the next is awaited."""
    needed: set[Path] = set()

    async def attempt() -> None:
        try:
            prepared = prepare(source, options)
            needed.update(named_files(prepared.manifest.timeline, prepared.manifest.asset_map))
            desk.show(await desk.render(prepared))
        except (RenderError, CommandError, OSError) as error:
            known = explained(error)
            show_error(known or CommandError(str(error)))

    await keep_rendered(attempt, lambda: {source.absolute(), *needed})


def render_options(
    *,
    preset: str | None,
    start_frame: int | None,
    end_frame: int | None,
    asset: list[str] | None,
    allow: list[Path] | None,
) -> RenderOptions:
    """What the command line says about a render, looked up; UsageError where it names what is not there."""
    return RenderOptions(
        preset=None if preset is None else find_preset(preset),
        start_frame=start_frame,
        end_frame=end_frame,
        assets=_asset_paths(asset or []),
        allowed=[_folder(path) for path in allow or []],
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
