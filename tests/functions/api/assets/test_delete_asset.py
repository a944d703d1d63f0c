import httpx

from tests.builders import Desk


def test_record_and_bytes_are_gone(desk: Desk) -> None:
    project_id = desk.project()
    asset = desk.asset(project_id)
    path = f"/projects/{project_id}/assets/{asset['asset_id']}"
    url = desk.http.get(f"{path}/download").json()["url"]

    assert desk.http.delete(path).json() == {"ok": True}

    assert desk.http.get(path).status_code == 404
    assert desk.http.delete(path).status_code == 404
    assert httpx.get(url, trust_env=False).status_code == 404
