"""What holds for every command: help, exit codes, words in place of tracebacks."""

import json
import socket
from collections.abc import Iterator

import pytest
import typer
from typer.testing import CliRunner

from tests.support.command_line import CommandLine
from worker import cli


def command_paths() -> Iterator[list[str]]:
    group = typer.main.get_command(cli.app)
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        yield [name]
        yield from ([name, below] for below in getattr(command, "commands", {}))


@pytest.mark.parametrize("path", list(command_paths()), ids=" ".join)
def test_every_command_explains_itself_and_its_options(path: list[str]) -> None:
    shown = CliRunner().invoke(cli.app, [*path, "--help"], env={"COLUMNS": "200"}, prog_name="deskrun")
    assert shown.exit_code == 0
    assert f"Usage: deskrun {' '.join(path)}" in shown.output
    assert "--help" in shown.output


def test_the_commands_are_those_of_the_issue() -> None:
    assert {" ".join(path) for path in command_paths()} >= {
        *("up", "worker", "render", "share", "login", "logout", "whoami", "doctor", "demo"),
        *("assets push", "assets pull", "assets list"),
        *("jobs list", "jobs show", "jobs cancel", "jobs watch", "jobs create", "jobs download"),
        *("projects create", "projects list", "projects delete", "timeline push"),
    }


def test_help_and_version_go_to_standard_output(command_line: CommandLine) -> None:
    assert "On this machine" in command_line.ok("--help").out
    assert command_line.ok("--version").out.startswith("deskrun ")


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["jobs", "show"], ["render", "not-there.otio"], ["worker", "--slots", "0"], ["up", "--port", "x"]],
    ids=" ".join,
)
def test_a_wrong_command_line_is_exit_code_2(command_line: CommandLine, arguments: list[str]) -> None:
    done = command_line.run(*arguments)
    assert (done.code, done.out) == (2, "")


def test_a_wrong_setting_is_exit_code_2_and_named(command_line: CommandLine) -> None:
    command_line.settings["DESKRUN_SLOTS"] = "many"
    done = command_line.run("jobs", "list")
    assert done.code == 2
    assert "slots" in done.err


def test_a_settings_file_that_is_not_toml_is_named(command_line: CommandLine) -> None:
    file = command_line.folder / "home" / "deskrun" / "worker.toml"
    file.parent.mkdir(parents=True)
    file.write_text("this is = = not toml")
    done = command_line.run("jobs", "list")
    assert done.code == 2
    assert str(file) in done.err


@pytest.mark.parametrize(
    "arguments",
    [["jobs", "list"], ["projects", "list"], ["assets", "list"], ["whoami"], ["worker"], ["share", "data.bin"]],
    ids=" ".join,
)
def test_without_a_token_the_exit_code_is_3_and_login_is_named(command_line: CommandLine, arguments: list[str]) -> None:
    (command_line.folder / "data.bin").write_bytes(b"some bytes")
    done = command_line.run(*arguments)
    assert (done.code, done.out) == (3, "")
    assert "deskrun login" in done.err


@pytest.mark.parametrize("arguments", [["jobs", "list", "--json"], ["whoami"], ["assets", "list"]], ids=" ".join)
def test_without_a_control_plane_the_exit_code_is_4(command_line: CommandLine, arguments: list[str]) -> None:
    with socket.socket() as taken:  # bound and not listening: nobody answers there, and nobody else can
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        command_line.settings |= {"DESKRUN_TOKEN": "any", "DESKRUN_CONTROL_PLANE_URL": url}
        done = command_line.run(*arguments)
    assert (done.code, done.out) == (4, "")
    assert url in done.err
    assert "deskrun up" in done.err


def test_a_defect_is_told_in_words_with_the_traceback_in_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    empty: dict[str, str] = {}
    broken = typer.Typer(pretty_exceptions_enable=False)

    @broken.command()
    def fail() -> None:
        json.loads(empty["no such key"])

    monkeypatch.setattr(cli, "app", broken)
    monkeypatch.setattr("sys.argv", ["deskrun"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert "defect of deskrun: KeyError" in said
    path = said.split("report it with ")[1].strip().removesuffix(".")
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - as the person would
        assert "no such key" in file.read()


def test_shell_completion_is_offered(command_line: CommandLine) -> None:
    command_line.settings |= {"_DESKRUN_COMPLETE": "complete_bash", "COMP_WORDS": "deskrun jo", "COMP_CWORD": "1"}
    assert command_line.ok().out.split() == ["jobs"]
