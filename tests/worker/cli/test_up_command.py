"""``deskrun up``: two processes that come and go together, whatever happens."""

import json
import signal
import socket

import psutil

from tests.support.command_line import CommandLine, Up, processes_over, timeline, wait_until_gone
from tests.support.media import MediaShelf
from worker.up_record import read_up_record


def test_ctrl_c_ends_both_and_the_next_run_has_the_same_token(command_line: CommandLine) -> None:
    with Up(command_line) as up:
        before = read_up_record(command_line.data_dir)
        assert before is not None
        assert len(before.children) == 2
        command_line.ok("projects", "create", "kept")
        assert up.stop().code == 0
    wait_until_gone(command_line.data_dir)
    with Up(command_line):
        after = read_up_record(command_line.data_dir)
        assert after is not None
        assert after.token == before.token
        assert [each["name"] for each in command_line.ok("projects", "list", "--json").document] == ["kept"]
    last = read_up_record(command_line.data_dir)
    assert last is not None
    assert last.children == []


def test_the_record_is_private_and_the_token_in_no_log_and_no_command_line(command_line: CommandLine) -> None:
    with Up(command_line):
        record = read_up_record(command_line.data_dir)
        assert record is not None
        assert (command_line.data_dir / "up.json").stat().st_mode & 0o777 == 0o600
        for log in (command_line.data_dir / "logs").iterdir():
            assert record.token not in log.read_text()
        for process in processes_over(command_line.data_dir):
            assert not any(record.token in argument for argument in process.cmdline())


def test_a_second_one_at_the_same_time_says_so(command_line: CommandLine) -> None:
    with Up(command_line) as up:
        done = command_line.run("up", "--port", "0")
        assert done.code == 1
        assert "already running" in done.err
        assert up.url in done.err
        command_line.ok("whoami")


def test_a_taken_port_names_its_holder(command_line: CommandLine) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = command_line.run("up", "--port", str(port))
    assert done.code == 1
    assert f"port {port} is taken by {psutil.Process().name()} (process {psutil.Process().pid})" in done.err
    assert "--port 0" in done.err
    assert not processes_over(command_line.data_dir)


def test_what_a_killed_one_left_is_ended_by_the_next(command_line: CommandLine) -> None:
    with Up(command_line) as up:
        up.child.kill()
        up.child.communicate()
    orphans = {process.pid for process in processes_over(command_line.data_dir)}
    assert len(orphans) == 2
    with Up(command_line):
        assert not orphans & {process.pid for process in processes_over(command_line.data_dir)}
        command_line.ok("whoami")
    wait_until_gone(command_line.data_dir)


def test_a_process_that_dies_ends_the_other_and_is_named(command_line: CommandLine) -> None:
    with Up(command_line) as up:
        record = read_up_record(command_line.data_dir)
        assert record is not None
        psutil.Process(record.children[1].pid).kill()
        out, err = up.child.communicate(timeout=60)
        assert up.child.returncode == 1, out
        assert "the worker ended" in err
        assert "worker.log" in err
    wait_until_gone(command_line.data_dir)


def test_sigterm_is_as_good_as_ctrl_c(command_line: CommandLine) -> None:
    with Up(command_line) as up:
        up.child.send_signal(signal.SIGTERM)
        up.child.communicate(timeout=60)
        assert up.child.returncode == 0
    wait_until_gone(command_line.data_dir)


def test_a_folder_called_functions_does_not_get_in_the_way(command_line: CommandLine) -> None:
    own = command_line.folder / "functions"
    own.mkdir()
    (own / "__init__.py").write_text("raise SystemExit('this is somebody else')")
    with Up(command_line):
        command_line.ok("whoami")


def test_what_the_desk_does_is_told_line_by_line(command_line: CommandLine, media: MediaShelf) -> None:
    with Up(command_line) as up:
        command_line.ok("projects", "create", "film")
        asset = command_line.ok("assets", "push", media.clip("red"), "--json").document[0]["asset_id"]
        (command_line.folder / "cut.otio").write_text(json.dumps(timeline(f"asset:{asset}")))
        command_line.ok("timeline", "push", "cut.otio")
        job = command_line.ok("jobs", "create", "--json").document["job_id"]
        command_line.ok("jobs", "watch", job)
        told = up.stop().err
    for what in ("claimed", "rendering", "uploading", "completed"):
        assert f"{job}  {what}" in told
