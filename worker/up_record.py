"""What ``deskrun up`` leaves in the data folder, so that other commands find it: its URL, its token, its processes.

``worker/local_stack.py`` writes it, the command line and the daemon read it. The file holds a secret and is private.
"""

import secrets
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from worker.private_file import write_private

RECORD_NAME = "up.json"


class ChildProcess(BaseModel):
    """A process that ``up`` started. ``created_at_seconds`` (Unix time) tells it from a later one with its number."""

    model_config = ConfigDict(frozen=True)

    pid: int
    created_at_seconds: float


class UpRecord(BaseModel):
    """The last ``up`` in a data folder. ``children`` is empty once it stopped in good order."""

    model_config = ConfigDict(frozen=True)

    url: str
    token: str = Field(repr=False)
    children: list[ChildProcess] = Field(default_factory=list)


def read_up_record(data_dir: Path) -> UpRecord | None:
    """The record in this folder; None if there never was one, or it cannot be understood."""
    try:
        return UpRecord.model_validate_json((data_dir / RECORD_NAME).read_bytes())
    except (OSError, ValidationError):
        return None


def write_up_record(data_dir: Path, record: UpRecord) -> None:
    """Replace the record in this folder."""
    write_private(data_dir / RECORD_NAME, record.model_dump_json(indent=2))


def new_token() -> str:
    """A random token for a control plane of one's own."""
    return secrets.token_urlsafe(32)
