"""``deskrun plan``: what ``deskrun render`` would do, cost and need, and all that is wrong, before it is done."""

import shutil
from typing import Annotated, Any

import typer
from rich.text import Text

from worker.cli.failures import ExitCode
from worker.cli.render import (
    AllowOption,
    AssetOption,
    EndFrameOption,
    PresetOption,
    SourceArgument,
    StartFrameOption,
    render_options,
)
from worker.cli.session import DataDirOption, JsonOption, open_settings
from worker.cli.terminal import Terminal, seconds_text, size_text
from worker.local_render import prepare
from worker.render.cache import SegmentCache
from worker.render.errors import PlanError
from worker.render.estimate import Estimate, estimate
from worker.render.ffmpeg import find_ffmpeg
from worker.settings import Settings


def plan_command(
    source: SourceArgument,
    *,
    preset: PresetOption = None,
    start_frame: StartFrameOption = None,
    end_frame: EndFrameOption = None,
    asset: AssetOption = None,
    allow: AllowOption = None,
    show_segments: Annotated[bool, typer.Option("--segments", help="List every segment.")] = False,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """Show what a render would do, without rendering."""
    terminal = Terminal(json_output=json_output)
    settings = open_settings(data_dir=data_dir)
    options = render_options(preset=preset, start_frame=start_frame, end_frame=end_frame, asset=asset, allow=allow)
    prepared = prepare(source, options)
    try:
        with terminal.waiting("planning"):
            found = estimate(
                prepared.manifest,
                roots=prepared.roots,
                ffmpeg=find_ffmpeg(settings.ffmpeg),
                cache=SegmentCache(settings.render_cache_dir, max_bytes=settings.render_cache_max_bytes),
                threads=settings.render_threads,
            )
    except PlanError as error:
        _show_problems(terminal, error)
        raise typer.Exit(ExitCode.FAILED) from None
    free = _free_bytes(settings)
    terminal.document(_document(found, free))
    _show(terminal, found, free, with_segments=show_segments)


def _show_problems(terminal: Terminal, error: PlanError) -> None:
    rows = [{"code": each.code, "pointer": each.pointer, "message": each.message} for each in error.problems]
    terminal.document({"ok": False, "problems": rows})
    for each in error.problems:
        terminal.say(Text.assemble((each.pointer or "/", "bold"), "  ", each.message))


def _free_bytes(settings: Settings) -> int:
    return shutil.disk_usage(settings.render_cache_dir).free


def _document(found: Estimate, free: int) -> dict[str, Any]:
    plan, encoding = found.plan, found.encoding
    return {
        "ok": True,
        "frames": plan.frames,
        "rate": f"{plan.rate.numerator}/{plan.rate.denominator}",
        "width": plan.width,
        "height": plan.height,
        "duration_seconds": float(plan.frames / plan.rate),
        "encoder": encoding.encoder,
        "encoder_why": encoding.why,
        "in_segments": encoding.can_be_cut,
        "segments": [
            {"start_frame": part.start, "end_frame": part.end, "cached": part.cached_bytes is not None}
            for part in found.segments
        ],
        "frames_to_encode": found.frames_to_encode,
        "sound_cached": found.sound_is_cached,
        "estimated_seconds": round(found.seconds, 2),
        "estimated_size_bytes": found.size_bytes,
        "estimate_is_measured": found.is_measured,
        "disk_needed_bytes": found.disk_bytes,
        "disk_free_bytes": free,
        "ignored": [{"pointer": pointer, "what": what} for pointer, what in plan.ignored],
    }


def _show(terminal: Terminal, found: Estimate, free: int, *, with_segments: bool) -> None:
    plan, encoding = found.plan, found.encoding
    cached = sum(part.cached_bytes is not None for part in found.segments)
    seconds = seconds_text(float(plan.frames / plan.rate))
    way = "" if encoding.can_be_cut else ", in one piece: two passes share one bitrate over the whole"
    guessed = "" if found.is_measured else " (a guess: none like it was made here)"
    todo = f"{cached} of them cached; {found.frames_to_encode} frames to encode"
    rows = [
        ("picture", f"{plan.frames} frames at {float(plan.rate):g}/s, {plan.width}x{plan.height}, {seconds}"),
        ("encoder", f"{encoding.encoder}: {encoding.why}"),
        ("segments", f"{len(found.segments)}, {todo}{way}"),
        ("sound", "cached" if found.sound_is_cached else "to make"),
        (
            "time",
            f"{seconds_text(found.seconds)}{guessed}",
        ),
        ("size", f"about {size_text(found.size_bytes)}"),
        ("disk", f"{size_text(found.disk_bytes)} needed, {size_text(free)} free"),
    ]
    terminal.table(("", ""), [(Text(name, style="dim"), fact) for name, fact in rows])
    for pointer, what in plan.ignored:
        terminal.say(Text.assemble(("not rendered  ", "yellow"), (pointer, "bold"), f"  {what}"))
    if with_segments:
        cells = [
            (str(part.start), str(part.end), "encode" if part.cached_bytes is None else "cached")
            for part in found.segments
        ]
        terminal.table(("from", "to", ""), cells)
    if found.disk_bytes > free:
        terminal.note(Text("There is not enough room on the disk.", style="yellow"))
