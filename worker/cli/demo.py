"""``deskrun demo``: the whole of deskrun once, on this machine, told as it happens."""

import asyncio
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from schemas.assets import MediaProbe
from schemas.jobs import FINAL_STATUSES, JobStatus
from schemas.message import Page
from schemas.presets import RenderPreset, VideoSettings
from schemas.projects import CreateProject
from schemas.renders import CancelRender, ListRenders, RenderJob, RenderRequest
from worker.cli.assets import push_all
from worker.cli.failures import CommandError, UsageError
from worker.cli.fetching import fetch
from worker.cli.following import job_news, progress_text
from worker.cli.jobs import show_trail
from worker.cli.session import open_settings, run
from worker.cli.terminal import Terminal, seconds_text, size_text
from worker.control_plane import ControlPlane
from worker.demo.cut import RATE, compose, total_frames
from worker.demo.media import DemoMedia, find_media, make_media
from worker.errors import LeaseLost
from worker.local_stack import LocalStack, StackError
from worker.render.ffmpeg import find_ffmpeg
from worker.render.probe import probe_media
from worker.settings import Settings
from worker.transfers import Transfers

FOLDER = Path("deskrun-demo")
PROJECT_NAME = "deskrun demo"
PRESET = RenderPreset(
    name="Demo", video=VideoSettings(width=1280, height=720, framerate=RATE, crf=20, preset="veryfast")
)


def demo_command(
    *,
    media: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Use your own videos, pictures and music instead of made ones."),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option("--data-dir", metavar="FOLDER", help=f"Where its state is kept; default: {FOLDER}/.desk"),
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")] = False,
) -> None:
    """Watch one render go all the way: upload, job, claim, progress, result. Starts and ends all it needs."""
    terminal = Terminal(json_output=json_output)
    if media is not None and not media.is_dir():
        raise UsageError(f"--media {media}: there is no such folder")
    settings = open_settings(data_dir=data_dir or FOLDER / ".desk", slots=1, drain_seconds=0)
    run(lambda: _Demo(terminal, settings).play(media))


class _Demo:
    """One run of the demo."""

    def __init__(self, terminal: Terminal, settings: Settings) -> None:
        self._terminal = terminal
        self._settings = settings

    async def play(self, folder: Path | None) -> None:
        self._terminal.say("[bold]deskrun[/]  [dim]the cloud decides, your own desk does the heavy work[/]\n")
        media = await self._media(folder)
        try:
            async with LocalStack(self._settings) as stack:
                await self._start(stack)
                async with ControlPlane(stack.url, lambda: stack.token) as client, Transfers() as transfers:
                    project_id = await self._prepare(client, transfers, media)
                    job = await self._render(client, project_id)
                    await self._result(client, transfers, job)
        except StackError as error:
            raise CommandError(str(error), hint=error.hint) from None

    def _done(self, what: str, *facts: str) -> None:
        self._terminal.say(Text.assemble(("✓ ", "green"), f"{what:<15}", (" · ".join(facts), "dim")))

    async def _media(self, folder: Path | None) -> DemoMedia:
        ffmpeg = await asyncio.to_thread(find_ffmpeg, self._settings.ffmpeg)
        self._done("ffmpeg", ffmpeg.version)
        with self._terminal.waiting("making some media"):
            media, made = await make_media(ffmpeg, self._settings.data_dir / "media")
        if folder is not None:
            media, made = await find_media(folder, media), 0
        size_bytes = sum(path.stat().st_size for path in media.paths)
        how = "encoded just now" if made else "at hand"
        self._done("media", f"{len(media.paths)} files {how}", size_text(size_bytes))
        return media

    async def _start(self, stack: LocalStack) -> None:
        with self._terminal.waiting("starting the control plane"):
            plane = await stack.start_control_plane(None)
        self._done("control plane", stack.url, f"process {plane.process.pid}")
        with self._terminal.waiting("starting the desk"):
            worker = await stack.start_worker()
        self._done("desk", self._settings.name, f"process {worker.process.pid}")

    async def _prepare(self, client: ControlPlane, transfers: Transfers, media: DemoMedia) -> str:
        """A project with the media and the cut in it, and no unfinished job of an earlier run; its id."""
        projects = (await client.list_projects(Page(limit=100))).projects
        known = next((each for each in projects if each.name == PROJECT_NAME), None)
        project = known or await client.create_project(CreateProject(name=PROJECT_NAME), idempotency_key=_key())
        self._done("project", project.project_id)
        await _cancel_unfinished(client, project.project_id)

        pushed = await push_all(self._terminal, client, transfers, project.project_id, media.paths)
        sent = sum(each.sent for each in pushed)
        self._done("assets", f"{sent} uploaded by signed URL" if sent else f"all {len(pushed)} there already")

        asset_ids = {path: each.asset.asset_id for path, each in zip(media.paths, pushed, strict=True)}
        timeline = compose(media, asset_ids)
        saved = await client.save_timeline(project.project_id, timeline)
        shots = len(media.pictures)
        content = [
            f"{shots} shots" if shots > 1 else "1 shot",
            *(["dissolves"] if shots > 1 else []),
            "overlay",
            "music",
        ]
        length = seconds_text(total_frames(timeline) / RATE)
        self._done("timeline", f"version {saved.timeline_version}", ", ".join(content), length)
        return project.project_id

    async def _render(self, client: ControlPlane, project_id: str) -> RenderJob:
        request = RenderRequest(preset=PRESET, output_filename="demo.mp4")
        job = (await client.create_render(project_id, request, idempotency_key=_key())).job
        self._terminal.say(Text.assemble("\n", ("render ", "bold"), job.job_id))
        told: set[str] = set()
        with self._terminal.bar("          ", 100) as advance:
            async for news in job_news(client, project_id, job.job_id):
                job = news
                self._tell(job, told)
                advance(job.progress, progress_text(job))
        if job.status is not JobStatus.COMPLETED:
            raise CommandError(
                f"the render {job.status}: {job.error_message or 'no reason given'}",
                hint=f"The desk's log: {self._settings.data_dir / 'logs' / 'worker.log'}",
            )
        return job

    def _tell(self, job: RenderJob, told: set[str]) -> None:
        """Each new line of the job's trail, once."""
        for index, event in enumerate(job.events):
            key = f"event {index}"
            if key not in told:
                told.add(key)
                after = (event.at - job.created_at).total_seconds()
                self._terminal.say(Text.assemble((f"  {after:6.2f} s  ", "dim"), _told(event.to_status, job)))

    async def _result(self, client: ControlPlane, transfers: Transfers, job: RenderJob) -> None:
        FOLDER.mkdir(exist_ok=True)
        path = FOLDER / job.output_filename
        await fetch(
            transfers,
            lambda: client.get_render_download(job.project_id, job.job_id),
            path,
            size_bytes=job.output_size_bytes,
            crc32c=job.output_crc32c,
        )
        probe = await asyncio.to_thread(probe_media, path)
        self._terminal.document(
            {
                "path": str(path.absolute()),
                "size_bytes": path.stat().st_size,
                "media": probe.model_dump(mode="json"),
                "job": job.model_dump(mode="json"),
            }
        )
        self._terminal.say(Text.assemble("\n", (str(path.absolute()), "bold cyan")))
        self._terminal.say(Text(" · ".join((*_probe_words(probe), size_text(path.stat().st_size))), style="dim"))
        self._terminal.say("\n[bold]what the control plane wrote down[/]")
        show_trail(self._terminal, job)


async def _cancel_unfinished(client: ControlPlane, project_id: str) -> None:
    """Jobs of a demo that was interrupted would be rendered before ours."""
    for job in (await client.list_renders(project_id, ListRenders(limit=20))).jobs:
        if job.status not in FINAL_STATUSES:
            with suppress(LeaseLost):  # it ended just now
                await client.cancel_render(project_id, job.job_id, CancelRender(reason="left by an earlier demo"))


def _told(status: JobStatus, job: RenderJob) -> Text:
    match status:
        case JobStatus.PENDING:
            return Text("created: the timeline is pinned, the manifest written")
        case JobStatus.QUEUED:
            return Text("queued: a doorbell rings for the desk")
        case JobStatus.PROCESSING:
            return Text(f"claimed by the desk: attempt {job.attempt}")
        case JobStatus.UPLOADING:
            return Text("webhook uploading: the bytes go by signed URL")
        case JobStatus.COMPLETED:
            return Text("webhook completed: the server looked at the file itself", style="green")
        case _:
            return Text(status.value)


def _probe_words(probe: MediaProbe) -> Sequence[str]:
    words = [] if probe.duration_seconds is None else [f"{probe.duration_seconds:.2f} s"]
    for stream in probe.streams:
        if stream.width and stream.height:
            words.append(f"{stream.codec} {stream.width}x{stream.height} at {stream.frame_rate or 0:g} fps")
        elif stream.kind == "audio":
            words.append(f"{stream.codec} {(stream.sample_rate or 0) / 1000:g} kHz, {stream.channels} channels")
    return words


def _key() -> str:
    return str(uuid.uuid4())
