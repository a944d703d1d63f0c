"""Projects, assets, timelines, jobs and outputs by command, against a real ``deskrun up``."""

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import CommandLine, Up, interrupt, timeline
from tests.support.faulty_proxy import proxy_to
from tests.support.media import MediaShelf
from worker.cli.fetching import safe_file_name
from worker.render.probe import probe_media
from worker.transfers import RESUMABLE_BYTES
from worker.up_record import read_up_record

QUICK = {"name": "quick", "video": {"width": 160, "height": 90, "preset": "ultrafast", "crf": 30}}
SLOW = {"name": "slow", "video": {"width": 1920, "height": 1080, "crf": 10, "preset": "veryslow"}}


@pytest.fixture
def desk(up: Up) -> CommandLine:
    """Commands beside the running ``up``; they find it by themselves."""
    for preset in (QUICK, SLOW):
        (up.command_line.folder / f"{preset['name']}.json").write_text(json.dumps(preset))
    return up.command_line


@pytest.fixture
def project(desk: CommandLine) -> str:
    project_id: str = desk.ok("projects", "create", "Film", "--json").document["project_id"]
    return project_id


@pytest.fixture
def cut(desk: CommandLine, project: str, media: MediaShelf) -> str:
    """A project with a timeline of one clip; its id."""
    save_cut(desk, project, media.clip("red"), clips=1)
    return project


def save_cut(desk: CommandLine, project: str, clip: Path, *, clips: int) -> None:
    asset = desk.ok("assets", "push", clip, "-p", project, "--json").document[0]["asset_id"]
    file = desk.folder / "cut.otio"
    file.write_text(json.dumps(timeline(*[f"asset:{asset}"] * clips)))
    desk.ok("timeline", "push", file, "-p", project)


def job_of(desk: CommandLine, project: str, preset: str = "quick.json") -> str:
    job_id: str = desk.ok("jobs", "create", "-p", project, "--preset", preset, "--json").document["job_id"]
    return job_id


def test_from_project_to_downloaded_video(desk: CommandLine, cut: str) -> None:
    job = job_of(desk, cut)
    watched = desk.ok("jobs", "watch", job, "--json").document
    assert (watched["status"], watched["job_id"], watched["progress"]) == ("completed", job, 100)
    path = Path(desk.ok("jobs", "download", job, "-o", f"{job}.mp4", "--json").document["path"])
    assert path.stat().st_size == watched["output_size_bytes"]
    assert probe_media(path).duration_seconds == pytest.approx(1, abs=0.05)
    late = desk.run("jobs", "cancel", job)
    assert late.code == 1
    assert "completed" in late.err
    again = desk.run("jobs", "download", job, "-o", f"{job}.mp4")
    assert again.code == 1
    assert "--force" in again.err


def test_a_watched_job_shows_its_trail(desk: CommandLine, cut: str) -> None:
    out = desk.ok("jobs", "watch", job_of(desk, cut)).out
    assert re.search(r"queued → processing +worker [0-9a-f]{8}\n", out)
    assert re.search(r"uploading → completed", out)
    assert not re.search(r"[ ]\n", out)


def test_show_and_list_agree(desk: CommandLine, cut: str) -> None:
    job = job_of(desk, cut)
    final = desk.ok("jobs", "watch", job, "--json").document
    assert desk.ok("jobs", "show", job, "--json").document == final
    assert [each["job_id"] for each in desk.ok("jobs", "list", "-p", cut, "--json").document] == [job]
    assert desk.ok("jobs", "list", "-p", cut, "--status", "failed", "--json").document == []
    assert job in desk.ok("jobs", "list").out


def test_a_cancelled_job_ends_the_watch_with_1(desk: CommandLine, project: str, media: MediaShelf) -> None:
    save_cut(desk, project, media.clip("red"), clips=60)
    job = job_of(desk, project, "slow.json")
    desk.ok("jobs", "cancel", job, "--reason", "not this one")
    done = desk.run("jobs", "watch", job, "--json")
    assert done.code == 1
    assert done.document["status"] == "cancelled"
    desk.ok("jobs", "cancel", job)


def test_ctrl_c_while_watching_is_130_and_the_job_goes_on(desk: CommandLine, project: str, media: MediaShelf) -> None:
    save_cut(desk, project, media.clip("red"), clips=60)
    job = job_of(desk, project, "slow.json")
    with desk.start("jobs", "watch", job) as child:
        assert child.stderr is not None
        assert job in child.stderr.readline()
        assert interrupt(child).code == 130
    assert desk.ok("jobs", "show", job, "--json").document["status"] in {"queued", "processing"}
    desk.ok("jobs", "cancel", job)


def test_the_same_bytes_are_sent_once(desk: CommandLine, project: str, media: MediaShelf) -> None:
    clip, other = media.clip("red"), media.clip("blue")
    first = desk.ok("assets", "push", clip, other, "-p", project, "--json").document
    assert [each["sent"] for each in first] == [True, True]
    copy = desk.folder / "copy.mp4"
    copy.write_bytes(clip.read_bytes())
    second = desk.ok("assets", "push", copy, "-p", project, "--json").document
    assert [(each["sent"], each["asset_id"]) for each in second] == [(False, first[0]["asset_id"])]
    assert len(desk.ok("assets", "list", "-p", project, "--json").document) == 2


def test_a_large_file_goes_up_in_chunks_and_comes_back_the_same(desk: CommandLine, project: str) -> None:
    large = desk.folder / "large.bin"
    large.write_bytes(os.urandom(RESUMABLE_BYTES + 1234))
    pushed = desk.ok("assets", "push", large, "-p", project)
    assert "large.bin 100 %" in pushed.err
    pulled = desk.ok("assets", "pull", "-p", project, "-o", "pulled", "--json").document
    assert Path(pulled[0]["path"]).read_bytes() == large.read_bytes()


def test_pull_keeps_what_is_there_and_never_overwrites(
    desk: CommandLine, project: str, media: MediaShelf, tmp_path: Path
) -> None:
    clip = media.clip("red")
    asset = desk.ok("assets", "push", clip, "-p", project, "--json").document[0]["asset_id"]
    (tmp_path / clip.name).write_text("mine")
    for _ in range(2):
        pulled = desk.ok("assets", "pull", asset, "-p", project, "-o", tmp_path, "--json").document
        assert pulled == [{"asset_id": asset, "path": str(tmp_path / f"{asset}-{clip.name}")}]
    assert (tmp_path / clip.name).read_text() == "mine"
    assert (tmp_path / f"{asset}-{clip.name}").read_bytes() == clip.read_bytes()
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("clip.mp4", "clip.mp4"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..", "the-id"),
        (".bashrc", "bashrc"),
        ("a\\b:c\n.mp4", "a_b_c_.mp4"),
        ("", "the-id"),
    ],
)
def test_a_server_s_name_is_one_harmless_component(name: str, safe: str) -> None:
    assert safe_file_name(name, fallback="the-id") == safe


def test_an_empty_file_is_not_pushed(desk: CommandLine, project: str, tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    done = desk.run("assets", "push", tmp_path / "empty.mp4", "-p", project)
    assert done.code == 1
    assert "is empty" in done.err


def test_shared_outputs_are_numbered(desk: CommandLine, project: str, media: MediaShelf) -> None:
    clip = media.clip("red")
    first = desk.ok("share", clip, "-p", project, "--note", "first cut", "--json").document
    second = desk.ok("share", clip, "-p", project, "--json").document
    assert (first["version"], second["version"]) == (1, 2)
    assert (first["changes"], second["changes"]) == ({"note": "first cut"}, {})
    assert first["size_bytes"] == clip.stat().st_size


def test_a_share_gets_over_calls_that_fail(desk: CommandLine, up: Up, project: str, media: MediaShelf) -> None:
    record = read_up_record(desk.data_dir)
    assert record is not None

    def fault(last: str, count: int) -> str | None:
        return {"upload-url": "refuse", "outputs": "forget"}.get(last) if count == 0 else None

    with proxy_to(up.url, fault) as proxy:
        abroad = replace(desk, settings={"DESKRUN_TOKEN": record.token})
        shared = abroad.ok("share", media.clip("red"), "-p", project, "--control-plane", proxy.url, "--json").document
    assert shared["version"] == 1


def test_projects_are_listed_and_deleted(desk: CommandLine, project: str) -> None:
    def ids() -> list[Any]:
        return [each["project_id"] for each in desk.ok("projects", "list", "--json").document]

    assert project in ids()
    kept = desk.run("projects", "delete", project, stdin="n\n")
    assert kept.code == 1
    desk.ok("projects", "delete", project, "--yes")
    assert project not in ids()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["jobs", "show", "no-such-job"], "no-such-job"),
        (["jobs", "show", "../x"], "../x"),
        (["assets", "list", "-p", "no-such-project"], "no-such-project"),
        (["assets", "list", "-p", "../../x"], "../../x"),
        (["projects", "delete", "no-such-project", "-y"], "no-such-project"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_does_not_exist_is_said_in_one_or_two_lines(desk: CommandLine, arguments: list[str], words: str) -> None:
    done = desk.run(*arguments)
    assert (done.code, done.out) == (1, "")
    assert words in done.err
    assert len(done.err.splitlines()) <= 2


def test_which_project_has_to_be_said_when_there_are_several(desk: CommandLine) -> None:
    for name in ("one", "two"):
        desk.ok("projects", "create", name)
    done = desk.run("assets", "list")
    assert done.code == 2
    assert "--project" in done.err


def test_a_file_that_is_no_timeline_is_not_pushed(desk: CommandLine, project: str) -> None:
    (desk.folder / "bad.otio").write_text("not json")
    assert "bad.otio" in desk.run("timeline", "push", "bad.otio", "-p", project).err
    (desk.folder / "bad.otio").write_text('{"OTIO_SCHEMA": "Clip.2"}')
    done = desk.run("timeline", "push", "bad.otio", "-p", project)
    assert done.code == 1
    assert "OTIO_SCHEMA" in done.err
