import pytest

from tests.builders import Desk


def test_newest_first_and_by_status(desk: Desk) -> None:
    project_id = desk.ready_project()
    jobs = [desk.render(project_id)["job_id"] for _ in range(3)]
    desk.claim(project_id, jobs[1])

    def listed(**query: str | int) -> tuple[list[str], int]:
        answer = desk.http.get(f"/projects/{project_id}/renders", params=query).json()
        return [job["job_id"] for job in answer["jobs"]], answer["total"]

    assert listed() == ([jobs[2], jobs[1], jobs[0]], 3)
    assert listed(status="queued", limit=10) == ([jobs[2], jobs[0]], 2)
    assert listed(status="processing") == ([jobs[1]], 1)
    assert listed(limit=1, offset=2) == ([jobs[0]], 3)
    assert listed(status="failed") == ([], 0)


@pytest.mark.parametrize("query", ["status=done", "limit=101"])
def test_a_wrong_query_is_422(query: str, desk: Desk) -> None:
    answer = desk.http.get(f"/projects/{desk.project()}/renders?{query}")

    assert [error["pointer"] for error in answer.json()["errors"]] == [f"?{query.partition('=')[0]}"]
