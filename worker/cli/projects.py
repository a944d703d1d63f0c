"""``deskrun projects`` and ``deskrun timeline``: the project a render belongs to, and the cut it shows."""

import json
import uuid
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from schemas.message import Page
from schemas.projects import CreateProject, Project
from schemas.timelines import MAX_TIMELINE_BYTES
from worker.cli.failures import CommandError, UsageError
from worker.cli.session import ControlPlaneOption, DataDirOption, JsonOption, connected, open_settings, run
from worker.cli.terminal import Terminal, age_text
from worker.control_plane import ControlPlane

PAGE_ROWS = 100

ProjectOption = Annotated[
    str | None,
    typer.Option("--project", "-p", metavar="ID", help="The project; not needed while you have only one."),
]

projects_app = typer.Typer(no_args_is_help=True, help="Create, list and delete projects.")
timeline_app = typer.Typer(no_args_is_help=True, help="Save a project's timeline.")


async def all_projects(control_plane: ControlPlane) -> list[Project]:
    """Every project of the caller, newest first."""
    projects: list[Project] = []
    while True:
        page = await control_plane.list_projects(Page(limit=PAGE_ROWS, offset=len(projects)))
        projects += page.projects
        if not page.projects or len(projects) >= page.total:
            return projects


async def chosen_project(control_plane: ControlPlane, given: str | None) -> str:
    """The id given, or that of the caller's only project."""
    if given is not None:
        return given
    page = await control_plane.list_projects(Page(limit=2))
    if page.total == 1:
        return page.projects[0].project_id
    if page.total == 0:
        raise CommandError("there is no project yet", hint="Make one with `deskrun projects create NAME`.")
    raise UsageError(
        f"you have {page.total} projects", hint="Say which with --project ID; see `deskrun projects list`."
    )


@projects_app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="What people will call it.")],
    *,
    control_plane: ControlPlaneOption = None,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """Create a project."""
    terminal = Terminal(json_output=json_output)
    settings = open_settings(control_plane=control_plane, data_dir=data_dir)
    body = CreateProject(name=name)

    async def main() -> Project:
        async with connected(settings) as client:
            return await client.create_project(body, idempotency_key=str(uuid.uuid4()))

    project = run(main)
    terminal.document(project)
    terminal.say(Text(project.project_id, style="bold"))


@projects_app.command("list")
def list_(
    *,
    control_plane: ControlPlaneOption = None,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """List your projects, newest first."""
    terminal = Terminal(json_output=json_output)
    settings = open_settings(control_plane=control_plane, data_dir=data_dir)

    async def main() -> list[Project]:
        async with connected(settings) as client:
            return await all_projects(client)

    projects = run(main)
    terminal.document([project.model_dump(mode="json") for project in projects])
    terminal.table(
        ("project", "name", "timeline", "created"),
        [
            (
                p.project_id,
                Text(p.name),
                f"version {p.timeline_version}" if p.timeline_version else "none",
                age_text(p.created_at),
            )
            for p in projects
        ],
    )
    if not projects:
        terminal.note("No project yet: make one with `deskrun projects create NAME`.")


@projects_app.command("delete")
def delete(
    project: Annotated[str, typer.Argument(metavar="ID", help="The project to delete.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    control_plane: ControlPlaneOption = None,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """Delete a project with its timelines, assets, renders and outputs."""
    terminal = Terminal(json_output=json_output)
    settings = open_settings(control_plane=control_plane, data_dir=data_dir)

    async def find() -> Project:
        async with connected(settings) as client:
            return await client.get_project(project)

    async def main() -> None:
        async with connected(settings) as client:
            await client.delete_project(project)

    if not yes:
        name = run(find).name
        typer.confirm(f"Delete {name!r} with everything in it?", abort=True, err=True)
    run(main)
    terminal.document({"ok": True, "project_id": project})
    terminal.say(f"deleted {project}")


@timeline_app.command("push")
def push(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, metavar="FILE.otio")],
    *,
    project: ProjectOption = None,
    control_plane: ControlPlaneOption = None,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """Save an OpenTimelineIO file as the project's newest timeline version."""
    terminal = Terminal(json_output=json_output)
    settings = open_settings(control_plane=control_plane, data_dir=data_dir)
    if file.stat().st_size > MAX_TIMELINE_BYTES:
        raise CommandError(f"{file} is larger than the {MAX_TIMELINE_BYTES // 1024**2} MiB a timeline may have")
    try:
        timeline = json.loads(file.read_bytes())
    except (ValueError, RecursionError):
        raise CommandError(f"{file} is not an OpenTimelineIO file") from None
    if not isinstance(timeline, dict):
        raise CommandError(f"{file} is not an OpenTimelineIO file")

    async def main() -> None:
        async with connected(settings) as client:
            saved = await client.save_timeline(await chosen_project(client, project), timeline)
        terminal.document(saved)
        terminal.say(f"version {saved.timeline_version}, {saved.clip_count} clips")

    run(main)
