from functions.domain.assets import ASSETS
from functions.domain.outputs import ISSUED_OUTPUTS, OUTPUTS
from functions.domain.renders import RENDERS
from functions.domain.timelines import TIMELINES
from functions.ports import Where
from schemas.events import ProjectDeleted
from tests.builders import Desk

OWNED = (RENDERS, ASSETS, OUTPUTS, ISSUED_OUTPUTS, TIMELINES)


def counts(desk: Desk, project_id: str) -> list[int]:
    here = Where("project_id", "==", project_id)
    return [desk.control_plane.services.documents.count(collection, here) for collection in OWNED]


def full_project(desk: Desk) -> str:
    project_id = desk.ready_project()
    desk.asset(project_id)
    desk.share(project_id)
    desk.claim(project_id, desk.render(project_id)["job_id"]).upload()
    return project_id


def test_all_it_owned_is_removed_and_nothing_else(quiet_desk: Desk) -> None:
    project_id, other_id = full_project(quiet_desk), full_project(quiet_desk)
    quiet_desk.http.delete(f"/projects/{project_id}").raise_for_status()
    assert counts(quiet_desk, project_id) == [1, 1, 1, 1, 1]

    for _ in range(2):
        quiet_desk.control_plane.run("on_project_deleted", ProjectDeleted(project_id=project_id).model_dump_json())

    assert counts(quiet_desk, project_id) == [0, 0, 0, 0, 0]
    assert counts(quiet_desk, other_id) == [1, 1, 1, 1, 1]
    objects = quiet_desk.control_plane.services.objects
    assert objects.delete_prefix(f"{project_id}/") == 0
    assert objects.delete_prefix(f"{other_id}/") == 5


def test_more_than_one_batch(quiet_desk: Desk) -> None:
    project_id = quiet_desk.project()
    for _ in range(101):
        quiet_desk.pending_asset(project_id)

    quiet_desk.control_plane.run("on_project_deleted", ProjectDeleted(project_id=project_id).model_dump_json())

    assert counts(quiet_desk, project_id) == [0, 0, 0, 0, 0]
