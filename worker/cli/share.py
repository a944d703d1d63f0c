"""``deskrun share``: a local render becomes the project's next output."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from schemas.outputs import OutputAnswer, OutputUploadRequest, RegisterOutput
from schemas.uploads import UploadTicket
from worker.asset_push import content_type_of, send_file
from worker.checksums import checksum_file
from worker.cli.projects import ProjectOption, chosen_project
from worker.cli.session import ControlPlaneOption, DataDirOption, JsonOption, connected, open_settings, run
from worker.cli.terminal import Terminal, size_text
from worker.control_plane import ControlPlane
from worker.transfers import RESUMABLE_BYTES, Transfers


def share_command(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The video to share.")],
    *,
    project: ProjectOption = None,
    note: Annotated[str | None, typer.Option(help="What changed, for the people of the project.")] = None,
    control_plane: ControlPlaneOption = None,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """Share a local render with a project."""
    terminal = Terminal(json_output=json_output)
    settings = open_settings(control_plane=control_plane, data_dir=data_dir)

    async def main() -> OutputAnswer:
        async with connected(settings) as client:
            project_id = await chosen_project(client, project)
            return await _share(terminal, client, project_id, file, note)

    output = run(main)
    terminal.document(output)
    terminal.say(Text.assemble(("version ", ""), (str(output.version), "bold"), f" · {output.video_url}"))


async def _share(
    terminal: Terminal, client: ControlPlane, project_id: str, file: Path, note: str | None
) -> OutputAnswer:
    checksums = await asyncio.to_thread(checksum_file, file)
    request = OutputUploadRequest(
        filename=file.name,
        content_type=content_type_of(file),
        size_bytes=checksums.size_bytes,
        crc32c=checksums.crc32c,
        resumable=checksums.size_bytes > RESUMABLE_BYTES,
    )

    async def register(ticket: UploadTicket) -> OutputAnswer:
        changes = {} if note is None else {"note": note}
        return await client.register_output(project_id, RegisterOutput(gcs_path=ticket.gcs_path, changes=changes))

    async with Transfers() as transfers:
        with terminal.bar(file.name, checksums.size_bytes) as advance:
            return await send_file(
                transfers,
                file,
                get_ticket=lambda: client.create_output_upload(project_id, request),
                finish=register,
                on_bytes=lambda done: advance(done, size_text(done)),
            )
