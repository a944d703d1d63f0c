from tests.builders import Desk


def test_it_is_gone_and_its_leases_run_out(desk: Desk) -> None:
    project_id = desk.ready_project()
    worker_id = desk.worker()
    attempt = desk.claim(project_id, desk.render(project_id)["job_id"], worker_id)

    assert desk.http.delete(f"/workers/{worker_id}").json() == {"ok": True}

    assert desk.http.get("/workers").json()["workers"] == []
    assert desk.http.post(f"/workers/{worker_id}/heartbeat", json={"free_slots": 1}).status_code == 404
    assert desk.http.delete(f"/workers/{worker_id}").status_code == 404
    desk.control_plane.pass_seconds(desk.control_plane.settings.lease_seconds + 1)
    desk.control_plane.run("expire_leases")
    assert desk.job(project_id, attempt.job_id)["status"] == "queued"
