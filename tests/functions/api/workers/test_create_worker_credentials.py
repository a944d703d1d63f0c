from tests.builders import Desk


def test_where_desks_poll_there_are_none(desk: Desk) -> None:
    answer = desk.http.post(f"/workers/{desk.worker()}/credentials")

    assert (answer.status_code, answer.json()["code"]) == (409, "not_applicable")
