"""``login``, ``logout``, ``whoami`` and ``worker`` at a control plane that ``up`` of another folder serves."""

import base64
import json
import stat

import pytest

from tests.support.command_line import CommandLine, Done, Up, interrupt, wait_for_file
from worker.up_record import read_up_record


@pytest.fixture
def token(up: Up) -> str:
    record = read_up_record(up.command_line.data_dir)
    assert record is not None
    return record.token


def log_in(command_line: CommandLine, up: Up, token: str) -> Done:
    return command_line.run("login", "--control-plane", up.url, "--token-stdin", stdin=f"{token}\n")


def test_without_a_keyring_the_file_is_announced_and_private(command_line: CommandLine, up: Up, token: str) -> None:
    done = log_in(command_line, up, token)
    assert done.code == 0
    file = command_line.data_dir / "logins.json"
    assert "no usable keyring" in done.err
    assert str(file) in done.err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert token not in done.out + done.err


def test_after_login_other_commands_need_no_address(command_line: CommandLine, up: Up, token: str) -> None:
    log_in(command_line, up, token)
    assert command_line.ok("whoami", "--json").document == {
        "control_plane_url": up.url,
        "token_from": "file",
        "user": None,
        "expires_at": None,
    }
    command_line.ok("jobs", "list")


def test_a_refused_token_is_not_kept(command_line: CommandLine, up: Up) -> None:
    done = log_in(command_line, up, "wrong-token")
    assert done.code == 3
    assert up.url in done.err
    assert "wrong-token" not in done.err
    assert not (command_line.data_dir / "logins.json").exists()


@pytest.mark.parametrize("text", ["", "two words", "t\u00f6ken"], ids=["empty", "two words", "umlaut"])
def test_what_cannot_be_a_token_is_not_sent(command_line: CommandLine, up: Up, text: str) -> None:
    done = log_in(command_line, up, text)
    assert done.code == 1
    assert "not a token" in done.err


def test_nobody_to_ask_is_said(command_line: CommandLine, up: Up) -> None:
    done = command_line.run("login", "--control-plane", up.url)
    assert done.code == 1
    assert "--token-stdin" in done.err


def test_logout_forgets(command_line: CommandLine, up: Up, token: str) -> None:
    log_in(command_line, up, token)
    command_line.ok("logout")
    assert token not in (command_line.data_dir / "logins.json").read_text()
    assert command_line.run("whoami").code == 3
    again = command_line.ok("logout", "--control-plane", up.url)
    assert "was not logged in" in again.err


def test_the_environment_s_token_wins(command_line: CommandLine, up: Up, token: str) -> None:
    command_line.settings |= {"DESKRUN_TOKEN": token, "DESKRUN_CONTROL_PLANE_URL": up.url}
    assert command_line.ok("whoami", "--json").document["token_from"] == "environment"
    command_line.settings["DESKRUN_TOKEN"] = "wrong"
    assert command_line.run("whoami").code == 3


def test_whoami_beside_up_tells_where_the_token_is_from(up: Up) -> None:
    found = up.command_line.ok("whoami", "--json").document
    assert (found["control_plane_url"], found["token_from"]) == (up.url, "up")


def test_a_jwt_is_shown_by_its_claims_but_never_trusted(command_line: CommandLine, up: Up) -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"sub": "mallory", "exp": 1}).encode()).decode().rstrip("=")
    command_line.settings |= {"DESKRUN_TOKEN": f"e30.{claims}.x", "DESKRUN_CONTROL_PLANE_URL": up.url}
    done = command_line.run("whoami")
    assert (done.code, done.out) == (3, "")


def test_a_desk_serves_until_ctrl_c_and_can_be_retired(command_line: CommandLine, up: Up, token: str) -> None:
    log_in(command_line, up, token)
    with command_line.start("worker", "--name", "second desk", "--slots", "2") as child:
        wait_for_file(command_line.data_dir / "state.json", bool)
        busy = command_line.run("worker")
        assert busy.code == 1
        assert "another deskrun worker" in busy.err
        assert interrupt(child).code == 0
    assert command_line.ok("worker", "--retire").out == "retired\n"
    assert "not in service" in command_line.ok("worker", "--retire").out
