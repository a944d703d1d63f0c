"""The daemon's files: who this desk is, and what of each job survives any crash (worker/README.md, "On disk").

``worker/daemon.py`` and ``worker/job_runner.py`` read and write them. Each write replaces a whole file atomically; a
file that cannot be understood is moved to ``unreadable/`` and counts as never written.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from schemas.ids import Crc32c, FileName, JobId, ProjectId, WorkerId
from schemas.jobs import JobKind, JobStatus
from schemas.renders import RenderProgress
from schemas.uploads import UploadTicket
from schemas.workers import HeldLease
from worker import logs
from worker.logs import Event
from worker.private_file import write_private

StateT = TypeVar("StateT", bound=BaseModel)


class _State(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DeskState(_State):
    """``state.json``: this desk as one control plane knows it."""

    control_plane_url: str
    worker_id: WorkerId


class JobPhase(StrEnum):
    """How far an attempt is; a restart continues here."""

    FETCHING = "fetching"
    """The manifest and the assets are being brought here."""
    RENDERING = "rendering"
    """ffmpeg works. A restart renders again, under the same lease."""
    UPLOADING = "uploading"
    """``output`` is complete and checked, and on its way."""
    REPORTING = "reporting"
    """``final_report`` is all that is left to be delivered."""


class RenderedOutput(_State):
    """The finished file in the job folder."""

    file_name: FileName
    size_bytes: int
    crc32c: Crc32c


class JobState(_State):
    """``job.json``: one attempt at one job. It holds the lease token and signed URLs, so only its owner may read it."""

    project_id: ProjectId
    job_id: JobId
    kind: JobKind
    attempt: int
    lease_token: str = Field(repr=False)
    phase: JobPhase = JobPhase.FETCHING
    output: RenderedOutput | None = None
    upload: UploadTicket | None = None
    was_uploading: bool = False
    """Whether the server may have heard of an upload: from then on ``processing`` would be a step back."""
    rejected_uploads: int = 0
    final_report: RenderProgress | None = None

    @model_validator(mode="after")
    def _has_what_its_phase_needs(self) -> Self:
        if self.phase is JobPhase.UPLOADING and self.output is None:
            raise ValueError("uploading, but no output")
        if self.phase is JobPhase.REPORTING and self.final_report is None:
            raise ValueError("reporting, but no report")
        return self

    def held_lease(self, *, cancelling: bool) -> HeldLease:
        """The lease as a heartbeat names it; ``cancelling`` when the job is being stopped already."""
        return HeldLease(
            project_id=self.project_id,
            job_id=self.job_id,
            kind=self.kind,
            attempt=self.attempt,
            token=self.lease_token,
            cancelling=cancelling,
        )

    def report(self, status: JobStatus, progress: float, **facts: Any) -> RenderProgress:
        """A report of this attempt; ``facts`` are further fields of ``RenderProgress``."""
        report = {"job_id": self.job_id, "attempt": self.attempt, "status": status, "progress": progress, **facts}
        return RenderProgress.model_validate(report)

    def names(self) -> dict[str, object]:
        """What a log record says to tell this attempt from others."""
        return {"job_id": self.job_id, "attempt": self.attempt}


@dataclass
class JobFolder:
    """``jobs/{job_id}/``: everything this desk has of a job, and its state as last written."""

    path: Path
    state: JobState

    @classmethod
    def create(cls, data_dir: Path, state: JobState) -> Self:
        """A fresh folder; what an earlier attempt may have left under the same id is removed."""
        folder = cls(data_dir / "jobs" / state.job_id, state)
        folder.delete()
        folder.path.mkdir(mode=0o700, parents=True)
        folder.save()
        return folder

    @classmethod
    def load_all(cls, data_dir: Path) -> Iterator[Self]:
        """The folders whose state can be read; whatever else is there is removed, a ``job.json`` set aside."""
        for path in sorted((data_dir / "jobs").glob("*")):
            state = read_state(path / "job.json", JobState, data_dir)
            if state is not None and state.job_id == path.name:
                yield cls(path, state)
            elif path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def save(self, **changes: object) -> None:
        """Write the state with ``changes``. OSError: the disk is full or gone, and the old state is still there."""
        state = self.state.model_copy(update=changes)
        write_private(self.path / "job.json", state.model_dump_json(indent=1))
        self.state = state

    def delete(self) -> None:
        """Remove the folder with all that is in it; nothing happens if it is gone already."""
        if self.path.exists():
            shutil.rmtree(self.path)


class ClaimNote(_State):
    """``jobs/{job_id}.claim``: a claim under way. A daemon killed before its answer was on disk claims again."""

    project_id: ProjectId
    job_id: JobId
    kind: JobKind

    @classmethod
    def load_all(cls, data_dir: Path) -> list[Self]:
        """The notes that can be read."""
        paths = sorted((data_dir / "jobs").glob("*.claim"))
        return [note for path in paths if (note := read_state(path, cls, data_dir)) is not None]

    def write(self, data_dir: Path) -> None:
        """Leave the note. OSError: the disk is full or gone."""
        write_private(self._path(data_dir), self.model_dump_json())

    def remove(self, data_dir: Path) -> None:
        """The claim has ended, one way or another."""
        self._path(data_dir).unlink(missing_ok=True)

    def _path(self, data_dir: Path) -> Path:
        return data_dir / "jobs" / f"{self.job_id}.claim"


def read_desk_state(data_dir: Path, control_plane_url: str) -> DeskState | None:
    """Who this desk is at that control plane; None if it never registered there from this data folder."""
    for leftover in data_dir.glob(".state.json.*"):
        leftover.unlink()
    state = read_state(data_dir / "state.json", DeskState, data_dir)
    return state if state and state.control_plane_url == control_plane_url else None


def write_desk_state(data_dir: Path, state: DeskState) -> None:
    """Remember who this desk is."""
    write_private(data_dir / "state.json", state.model_dump_json(indent=1))


def read_state(path: Path, model: type[StateT], data_dir: Path) -> StateT | None:
    """The file as ``model``; None if it is not there, or cannot be understood and was set aside."""
    try:
        return model.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValidationError) as error:
        aside = data_dir / "unreadable" / f"{path.parent.name}-{path.name}"
        aside.parent.mkdir(mode=0o700, exist_ok=True)
        logs.error(Event.STATE_UNREADABLE, file=path, kept_as=aside, reason=f"{type(error).__name__}")
        path.replace(aside)
        return None
