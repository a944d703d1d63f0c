"""Projects as stored, and who may see them."""

from functions.domain.record import Created
from functions.errors import Forbidden, NotFound
from schemas.message import UtcTime
from schemas.projects import Project

PROJECTS = "projects"


class ProjectRecord(Created):
    """A project. ``people`` is the owner followed by the members, for queries."""

    project_id: str
    name: str
    owner: str
    people: list[str]
    timeline_version: int = 0
    output_version: int = 0
    updated_at: UtcTime

    def for_user(self, user_id: str) -> "ProjectRecord":
        """This project if ``user_id`` belongs to it; NotFound otherwise, as if it did not exist."""
        if user_id not in self.people:
            raise NotFound(f"There is no project {self.project_id}, or it is not yours.")
        return self

    def for_owner(self, user_id: str) -> "ProjectRecord":
        """This project if ``user_id`` owns it; Forbidden for a member, NotFound for anybody else."""
        if self.for_user(user_id).owner != user_id:
            raise Forbidden("Only the project's owner may do this.")
        return self

    def view(self) -> Project:
        """As its people see it."""
        return Project(
            project_id=self.project_id,
            name=self.name,
            owner=self.owner,
            members=self.people[1:],
            timeline_version=self.timeline_version or None,
            created_at=self.created_at,
            updated_at=self.updated_at,
        )


def people(owner: str, members: list[str]) -> list[str]:
    """Owner first, then the members, each once, in the given order."""
    return list(dict.fromkeys([owner, *members]))
