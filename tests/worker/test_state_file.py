from pathlib import Path

import pytest
from pydantic import ValidationError

from schemas.jobs import JobKind, JobStatus
from worker import state_file
from worker.state_file import (
    DeskState,
    JobFolder,
    JobPhase,
    JobState,
    RenderedOutput,
    read_desk_state,
    write_desk_state,
)

URL = "http://plane"


def state(job_id: str = "job") -> JobState:
    return JobState(project_id="p", job_id=job_id, kind=JobKind.RENDER, attempt=2, lease_token="hushhush")


def test_a_job_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    folder = JobFolder.create(tmp_path, state())
    report = folder.state.report(JobStatus.FAILED, 0, error_code="x", error_message="y")
    folder.save(phase=JobPhase.REPORTING, final_report=report)
    (loaded,) = JobFolder.load_all(tmp_path)
    assert loaded == folder
    assert loaded.state.final_report == report


def test_state_with_secrets_is_for_its_owner_only(tmp_path: Path) -> None:
    folder = JobFolder.create(tmp_path, state())
    assert (folder.path / "job.json").stat().st_mode & 0o077 == 0
    assert folder.path.stat().st_mode & 0o077 == 0
    assert "hushhush" not in repr(folder)


def test_a_new_attempt_starts_from_an_empty_folder(tmp_path: Path) -> None:
    old = JobFolder.create(tmp_path, state())
    (old.path / "output.mp4").write_bytes(b"x")
    new = JobFolder.create(tmp_path, state())
    assert [path.name for path in new.path.iterdir()] == ["job.json"]


@pytest.mark.parametrize("content", [b"", b"{", b"\x00" * 100, b"[]", b'{"job_id": "job"}'])
def test_a_damaged_job_is_set_aside_and_its_folder_removed(tmp_path: Path, content: bytes) -> None:
    folder = JobFolder.create(tmp_path, state())
    (folder.path / "job.json").write_bytes(content)
    good = JobFolder.create(tmp_path, state("other"))
    assert list(JobFolder.load_all(tmp_path)) == [good]
    assert not folder.path.exists()
    assert (tmp_path / "unreadable" / "job-job.json").read_bytes() == content


def test_a_phase_without_what_it_needs_is_damage(tmp_path: Path) -> None:
    for phase in (JobPhase.UPLOADING, JobPhase.REPORTING):
        text = state().model_copy(update={"phase": phase}).model_dump_json()
        with pytest.raises(ValidationError):
            JobState.model_validate_json(text)
    output = RenderedOutput(file_name="output.mp4", size_bytes=1, crc32c="AAAAAA==")
    JobFolder.create(tmp_path, state()).save(phase=JobPhase.UPLOADING, output=output)
    assert len(list(JobFolder.load_all(tmp_path))) == 1


def test_an_output_outside_its_folder_is_damage() -> None:
    with pytest.raises(ValidationError):
        RenderedOutput(file_name="../../etc/passwd", size_bytes=1, crc32c="AAAAAA==")


def test_a_failed_write_leaves_the_old_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = JobFolder.create(tmp_path, state())

    def full(_path: Path, _text: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(state_file, "write_private", full)
    with pytest.raises(OSError, match="No space"):
        folder.save(phase=JobPhase.RENDERING)
    assert folder.state.phase is JobPhase.FETCHING
    (loaded,) = JobFolder.load_all(tmp_path)
    assert loaded == folder


def test_the_desk_knows_itself_again_at_the_same_control_plane_only(tmp_path: Path) -> None:
    write_desk_state(tmp_path, DeskState(control_plane_url=URL, worker_id="w"))
    (tmp_path / ".state.json.abc").write_text("left by a crash")
    known = read_desk_state(tmp_path, URL)
    assert known is not None
    assert known.worker_id == "w"
    assert read_desk_state(tmp_path, "http://another") is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["state.json"]


def test_a_desk_without_state_is_new(tmp_path: Path) -> None:
    assert read_desk_state(tmp_path, URL) is None
    (tmp_path / "state.json").write_text("{")
    assert read_desk_state(tmp_path, URL) is None
    assert (tmp_path / "unreadable").is_dir()
