"""Projects: what owns timelines, assets, renders and outputs, and who may see them."""

from typing import Annotated

from pydantic import Field, StringConstraints

from schemas.ids import ProjectId, UserId
from schemas.message import Answer, Request, Response, UtcTime

ProjectName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
Members = Annotated[list[UserId], Field(max_length=50)]


class CreateProject(Request):
    """``POST /projects``. The caller becomes the owner.

    Members may do everything except delete the project and change its members.
    """

    name: ProjectName
    members: Members = Field(default_factory=list)


class SetMembers(Request):
    """``PUT /projects/{project_id}/members``, by the owner: the whole list of members, without the owner."""

    members: Members


class Project(Response):
    """A project as its people see it."""

    project_id: ProjectId
    name: str
    owner: UserId
    members: list[UserId]
    timeline_version: int | None
    """The newest saved timeline version, or null before the first."""
    created_at: UtcTime
    updated_at: UtcTime


class ProjectAnswer(Project, Answer):
    """One project, its fields beside ``ok``."""


class ProjectList(Answer):
    """The caller's projects, newest first."""

    projects: list[Project]
    total: int
