"""Shared outputs as stored, and the names of their objects."""

import json
import re
from datetime import datetime
from pathlib import PurePosixPath

from functions.domain.record import Created
from schemas.message import UtcTime
from schemas.outputs import Output

OUTPUTS = "outputs"
ISSUED_OUTPUTS = "issued_outputs"
_ISSUED = re.compile(r"[A-Za-z0-9_-]{1,64}/outputs/desktop_[0-9]{8}_[0-9]{6}_[0-9a-f]{32}\.(mp4|mov|mkv|webm)")


class IssuedOutput(Created):
    """An object name that an upload-url call gave out; only such a name can be registered."""

    object_name: str
    project_id: str
    expires_at: UtcTime


class OutputRecord(Created):
    """A shared video. ``changes_json`` is the client's own JSON as text, because Firestore cannot nest arrays."""

    video_id: str
    project_id: str
    object_name: str
    video_url: str
    version: int
    size_bytes: int
    crc32c: str
    object_created_at: UtcTime
    changes_json: str

    def view(self) -> Output:
        """As the project's people see it."""
        shared = {name: getattr(self, name) for name in Output.model_fields if name in type(self).model_fields}
        return Output(**shared, changes=json.loads(self.changes_json))


def object_name(project_id: str, file_name: str, *, unique: str, now: datetime) -> str:
    """Object name of a shared output (seed 000: ``{project}/outputs/desktop_...``)."""
    suffix = PurePosixPath(file_name).suffix.lower()
    safe = suffix if suffix in {".mp4", ".mov", ".mkv", ".webm"} else ".mp4"
    return f"{project_id}/outputs/desktop_{now:%Y%m%d_%H%M%S}_{unique}{safe}"


def could_be_issued(name: str) -> bool:
    """Whether ``name`` looks like one of ``object_name``'s; nothing else is looked up."""
    return _ISSUED.fullmatch(name) is not None


def issued_id(object_name: str) -> str:
    """Document id of an issued object name: its last component without the extension."""
    return PurePosixPath(object_name).stem


def video_id(object_name: str) -> str:
    """Id of the output that an issued object becomes when it is registered."""
    return issued_id(object_name).rpartition("_")[2]
