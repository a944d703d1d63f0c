"""``deskrun jobs``: render jobs of the control plane, listed, shown, watched and cancelled."""

import uuid
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from schemas.jobs import JobEvent, JobStatus
from schemas.renders import CancelRender, ListRenders, RenderJob, RenderRequest
from worker.cli.failures import CommandError, ExitCode
from worker.cli.fetching import fetch, safe_file_name
from worker.cli.following import job_news, progress_text
from worker.cli.projects import ProjectOption, all_projects, chosen_project
from worker.cli.render import EndFrameOption, PresetOption, StartFrameOption, find_preset
from worker.cli.session import ControlPlaneOption, DataDirOption, JsonOption, connected, open_settings, run
from worker.cli.terminal import Terminal, age_text, size_text
from worker.control_plane import ControlPlane
from worker.errors import Gone
from worker.transfers import Transfers

STATUS_STYLES = {JobStatus.COMPLETED: "green", JobStatus.FAILED: "red", JobStatus.CANCELLED: "yellow"}

UUID_LENGTH = 36

JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="The job's id.")]
SearchedProjectOption = Annotated[
    str | None,
    typer.Option("--project", "-p", metavar="ID", help="The job's project; looked for in all of yours if not given."),
]

jobs_app = typer.Typer(no_args_is_help=True, help="List, show, watch and cancel render jobs.")


@jobs_app.command("list")
def list_(
    *,
    project: ProjectOption = None,
    status: Annotated[JobStatus | None, typer.Option(help="Only jobs in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="At most so many of each project.")] = 20,
    control_plane: ControlPlaneOption = None,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """List render jobs, newest first; of all your projects if none is named."""
    terminal = Terminal(json_output=json_output)
    settings = open_settings(control_plane=control_plane, data_dir=data_dir)
    query = ListRenders(status=status, limit=limit)

    async def main() -> list[RenderJob]:
        async with connected(settings) as client:
            ids = [project] if project else [each.project_id for each in await all_projects(client)]
            return [job for each in ids for job in (await client.list_renders(each, query)).jobs]

    jobs = sorted(run(main), key=lambda job: job.created_at, reverse=True)
    terminal.document([job.model_dump(mode="json") for job in jobs])
    terminal.table(
        ("job", "project", "status", "progress", "preset", "created"),
        [
            (
                job.job_id,
                job.project_id,
                _status_text(job.status),
                f"{job.progress:.0f} %",
                Text(job.preset.name),
                age_text(job.created_at),
            )
            for job in jobs
        ],
    )
    if not jobs:
        terminal.note("No jobs.")


@jobs_app.command("create")
def create(
    *,
    project: ProjectOption = None,
    preset: PresetOption = None,
    start_frame: StartFrameOption = None,
    end_frame: EndFrameOption = None,
    control_plane: ControlPlaneOption = None,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """Ask for a render of the project's newest timeline; a desk that listens will take it."""
    terminal = Terminal(json_output=json_output)
    settings = open_settings(control_plane=control_plane, data_dir=data_dir)
    request = RenderRequest(
        preset=None if preset is None else find_preset(preset), start_frame=start_frame, end_frame=end_frame
    )

    async def main() -> RenderJob:
        async with connected(settings) as client:
            project_id = await chosen_project(client, project)
            return (await client.create_render(project_id, request, idempotency_key=str(uuid.uuid4()))).job

    job = run(main)
    terminal.document(job)
    terminal.say(Text(job.job_id, style="bold"))
    terminal.note(f"Follow it with `deskrun jobs watch {job.job_id}`.")


@jobs_app.command("show")
def show(
    job: JobArgument,
    *,
    project: SearchedProjectOption = None,
    control_plane: ControlPlaneOption = None,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """Show one job with its event trail."""
    terminal = Terminal(json_output=json_output)
    settings = open_settings(control_plane=control_plane, data_dir=data_dir)

    async def main() -> RenderJob:
        async with connected(settings) as client:
            return await _find(client, job, project)

    found = run(main)
    terminal.document(found)
    show_job(terminal, found)


@jobs_app.command("watch")
def watch(
    job: JobArgument,
    *,
    project: SearchedProjectOption = None,
    control_plane: ControlPlaneOption = None,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """Follow a job to its end. Exit code 0 if it completed, 1 if it failed or was cancelled."""
    terminal = Terminal(json_output=json_output)
    settings = open_settings(control_plane=control_plane, data_dir=data_dir)

    async def main() -> RenderJob:
        async with connected(settings) as client:
            found = await _find(client, job, project)
            with terminal.bar(found.job_id, 100) as advance:
                async for news in job_news(client, found.project_id, found.job_id):
                    found = news
                    advance(found.progress, progress_text(found))
            return found

    final = run(main)
    terminal.document(final)
    show_job(terminal, final)
    if final.status is not JobStatus.COMPLETED:
        raise typer.Exit(ExitCode.FAILED)


@jobs_app.command("cancel")
def cancel(
    job: JobArgument,
    *,
    reason: Annotated[str | None, typer.Option(help="Why, for the event trail.")] = None,
    project: SearchedProjectOption = None,
    control_plane: ControlPlaneOption = None,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """Cancel a job, whether it waits or runs."""
    terminal = Terminal(json_output=json_output)
    settings = open_settings(control_plane=control_plane, data_dir=data_dir)
    body = CancelRender(reason=reason)

    async def main() -> RenderJob:
        async with connected(settings) as client:
            found = await _find(client, job, project)
            return (await client.cancel_render(found.project_id, found.job_id, body)).job

    found = run(main)
    terminal.document(found)
    done = found.status is JobStatus.CANCELLED
    terminal.say("cancelled" if done else "asked the desk to stop it; `jobs watch` shows when it did")


@jobs_app.command("download")
def download(
    job: JobArgument,
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to put it; a folder will do.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
    project: SearchedProjectOption = None,
    control_plane: ControlPlaneOption = None,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """Download the video of a completed job."""
    terminal = Terminal(json_output=json_output)
    settings = open_settings(control_plane=control_plane, data_dir=data_dir)

    async def main() -> Path:
        async with connected(settings) as client, Transfers() as transfers:
            found = await _find(client, job, project)
            name = safe_file_name(found.output_filename, fallback=found.job_id)
            path = (output or Path()) / name if output is None or output.is_dir() else output
            if path.exists() and not force:
                raise CommandError(f"{path} is already there", hint="Give another name with -o, or use --force.")
            with terminal.bar(path.name, found.output_size_bytes or 0) as advance:
                await fetch(
                    transfers,
                    lambda: client.get_render_download(found.project_id, found.job_id),
                    path,
                    size_bytes=found.output_size_bytes,
                    crc32c=found.output_crc32c,
                    on_bytes=lambda done: advance(done, size_text(done)),
                )
            return path

    path = run(main).absolute()
    terminal.document({"path": str(path)})
    terminal.say(Text(str(path), style="bold"))


async def _find(client: ControlPlane, job_id: str, project_id: str | None) -> RenderJob:
    if project_id is not None:
        return (await client.get_render(project_id, job_id)).job
    for project in await all_projects(client):
        try:
            return (await client.get_render(project.project_id, job_id)).job
        except Gone:
            continue
    raise CommandError(f"none of your projects has a job {job_id}", hint="See `deskrun jobs list`.")


def show_job(terminal: Terminal, job: RenderJob) -> None:
    """The facts of a job, then its trail."""
    terminal.say(Text.assemble((job.job_id, "bold"), "  ", _status_text(job.status), f"  {job.preset.name}"))
    if job.error_message:
        terminal.say(Text(f"{job.error_code or 'error'}: {job.error_message}", style="red"))
    if job.output_url:
        size = "" if job.output_size_bytes is None else f"  {size_text(job.output_size_bytes)}"
        terminal.say(Text(f"{job.output_url}{size}"))
    show_trail(terminal, job)


def show_trail(terminal: Terminal, job: RenderJob) -> None:
    """Every transition: seconds since the job was created, attempt, states, who."""
    terminal.table(
        ("after", "attempt", "state", "by", ""),
        [
            (
                f"{(event.at - job.created_at).total_seconds():.2f} s",
                str(event.attempt),
                _step_text(event),
                _actor_text(event.actor),
                Text(event.detail or ""),
            )
            for event in job.events
        ],
    )


def _step_text(event: JobEvent) -> Text:
    before = f"{event.from_status} → " if event.from_status and event.from_status is not event.to_status else ""
    return Text.assemble((before, "dim"), _status_text(event.to_status))


def _actor_text(actor: str) -> str:
    """``worker e5d9bebd``: the beginning of an id is enough to tell two desks apart."""
    kind, _, name = actor.partition(":")
    return f"{kind} {name[:8]}" if len(name) == UUID_LENGTH else actor.replace(":", " ", 1)


def _status_text(status: JobStatus) -> Text:
    return Text(status.value, style=STATUS_STYLES.get(status, ""))
