"""Outputs: local renders that somebody shared with the project, numbered in order."""

from typing import Any

from pydantic import Field

from schemas.ids import ContentType, FileName, GcsPath, VideoId
from schemas.message import Answer, Notes, Request, Response, UtcTime
from schemas.uploads import UploadRequest


class OutputUploadRequest(UploadRequest):
    """``POST /projects/{p}/outputs/upload-url``; the seed's body is ``filename`` and ``content_type``."""

    filename: FileName
    content_type: ContentType = "video/mp4"


class RegisterOutput(Request):
    """``POST /projects/{p}/outputs``: ``gcs_path`` must be one that this project's upload-url issued."""

    gcs_path: GcsPath
    changes: Notes = Field(default_factory=dict)


class Output(Response):
    """A shared video. ``version`` counts from 1 without gaps in registration order."""

    video_id: VideoId
    video_url: GcsPath
    version: int
    size_bytes: int
    crc32c: str
    changes: dict[str, Any]
    created_by: str
    created_at: UtcTime


class OutputAnswer(Output, Answer):
    """One output, its fields beside ``ok``."""


class OutputList(Answer):
    """A project's outputs, newest version first."""

    outputs: list[Output]
    total: int
