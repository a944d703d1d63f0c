from tests.builders import Desk


def test_last_seen_first_and_who_fell_silent_is_offline(desk: Desk) -> None:
    first, second = desk.worker(name="first"), desk.worker(name="second")
    desk.control_plane.pass_seconds(3 * desk.control_plane.settings.heartbeat_seconds + 1)
    desk.http.post(f"/workers/{first}/heartbeat", json={"free_slots": 0}).raise_for_status()

    listed = desk.http.get("/workers").json()

    assert [(w["worker_id"], w["online"]) for w in listed["workers"]] == [(first, True), (second, False)]
    assert (listed["ok"], listed["total"]) == (True, 2)
    assert desk.http.get("/workers", params={"limit": 1, "offset": 1}).json()["workers"][0]["worker_id"] == second
