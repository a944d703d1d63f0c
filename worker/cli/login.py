"""``deskrun login``, ``logout`` and ``whoami``: which control plane this desk belongs to, and as whom."""

import base64
import json
import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.text import Text

from schemas.message import Page
from worker.cli.failures import CommandError, ExitCode, explained
from worker.cli.session import ControlPlaneOption, DataDirOption, JsonOption, open_settings, run
from worker.cli.terminal import Terminal
from worker.control_plane import ControlPlane
from worker.errors import ControlPlaneError
from worker.secrets import Logins, TokenPlace, find_token

PLACES = {
    TokenPlace.ENVIRONMENT: "DESKRUN_TOKEN",
    TokenPlace.UP: "`deskrun up` on this machine",
    TokenPlace.KEYRING: "the system's keyring",
    TokenPlace.FILE: "a private file",
}


def login_command(
    *,
    control_plane: ControlPlaneOption = None,
    token_stdin: Annotated[bool, typer.Option("--token-stdin", help="Read the token from standard input.")] = False,
    data_dir: DataDirOption = None,
) -> None:
    """Keep a token for a control plane, after asking it whether the token is good."""
    terminal = Terminal()
    settings = open_settings(control_plane=control_plane, data_dir=data_dir)
    url = settings.control_plane_url
    token = (sys.stdin.readline() if token_stdin else _asked(url)).strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise CommandError("that is not a token", hint="A token is one line of visible ASCII characters.")
    run(lambda: _verify(url, token))
    logins = Logins(settings.data_dir)
    kept = logins.keep(url, token)
    terminal.say(f"logged in to {url}")
    if kept.place is TokenPlace.KEYRING:
        terminal.say(f"the token is in {PLACES[kept.place]}")
    else:
        terminal.note(
            Text(
                f"no usable keyring here ({kept.why_not_keyring}): the token is in {logins.path}, readable by you alone"
            )
        )
    if settings.token is not None:
        terminal.note("DESKRUN_TOKEN is set and wins over it")


def _asked(url: str) -> str:
    if not sys.stdin.isatty():
        raise CommandError("there is nobody to ask for the token", hint="Pipe it in with --token-stdin.")
    return str(typer.prompt(f"Token for {url}", hide_input=True, err=True))


async def _verify(url: str, token: str) -> None:
    async with ControlPlane(url, lambda: token) as client:
        try:
            await client.list_projects(Page(limit=1))
        except ControlPlaneError as error:
            raise (explained(error, url=url) or error) from error


def logout_command(
    *,
    control_plane: ControlPlaneOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Forget the token of a control plane."""
    terminal = Terminal()
    settings = open_settings(control_plane=control_plane, data_dir=data_dir)
    if Logins(settings.data_dir).forget(settings.control_plane_url):
        terminal.say(f"logged out of {settings.control_plane_url}")
    else:
        terminal.note(f"was not logged in to {settings.control_plane_url}")


def whoami_command(
    *,
    control_plane: ControlPlaneOption = None,
    data_dir: DataDirOption = None,
    json_output: JsonOption = False,
) -> None:
    """Show the control plane, where the token comes from, whom it names, and whether it is still good."""
    terminal = Terminal(json_output=json_output)
    settings = open_settings(control_plane=control_plane, data_dir=data_dir)
    url = settings.control_plane_url
    found = find_token(settings)
    if found is None:
        raise CommandError(
            f"not logged in to {url}",
            hint=f"Run `deskrun login --control-plane {url}`.",
            exit_code=ExitCode.NOT_LOGGED_IN,
        )
    run(lambda: _verify(url, found.token))
    claims = _claims(found.token)
    expires_at = datetime.fromtimestamp(claims["exp"], UTC) if isinstance(claims.get("exp"), int | float) else None
    terminal.document(
        {
            "control_plane_url": url,
            "token_from": found.place.value,
            "user": claims.get("sub"),
            "expires_at": expires_at.isoformat() if expires_at else None,
        }
    )
    who = f"as {claims['sub']}" if "sub" in claims else "with a development token"
    until = f", until {expires_at.astimezone():%Y-%m-%d %H:%M}" if expires_at else ""
    terminal.say(Text(f"{url} {who}{until}"))
    terminal.say(Text(f"token from {PLACES[found.place]}", style="dim"))


def _claims(token: str) -> dict[str, Any]:
    """What a JWT says about itself, for showing only: the server is the one that verifies. Empty for other tokens."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}
