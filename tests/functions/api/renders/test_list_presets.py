from tests.builders import Desk


def test_all_seven(desk: Desk) -> None:
    answer = desk.http.get("/render/presets").json()

    assert answer["ok"] is True
    assert [preset["name"] for preset in answer["presets"]] == [
        "Draft Preview",
        "Standard Export",
        "High Quality Export",
        "Maximum Quality Export",
        "ProRes Master Export",
        "VP9 Streaming Export",
        "AV1 Streaming Export",
    ]
