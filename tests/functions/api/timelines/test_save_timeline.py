import json
from typing import Any

import pytest

from schemas.timelines import MAX_TIMELINE_BYTES
from tests.builders import Desk, clip, external, rational, time_range, timeline, track


def put(desk: Desk, project_id: str, document: Any, query: str = "") -> Any:
    return desk.http.put(f"/projects/{project_id}/timeline{query}", json=document)


def test_every_change_is_a_version(desk: Desk) -> None:
    project_id = desk.project()
    first, second = timeline(name="one"), timeline(name="two")

    answers = [put(desk, project_id, document).json() for document in (first, first, second, first)]

    assert [answer["timeline_version"] for answer in answers] == [1, 1, 2, 3]
    assert answers[0]["sha256"] == answers[3]["sha256"] != answers[2]["sha256"]
    assert answers[0] == {
        "ok": True,
        "timeline_version": 1,
        "sha256": answers[0]["sha256"],
        "size_bytes": len(json.dumps(first, separators=(",", ":"))),
        "clip_count": 1,
        "created_by": desk.user_id,
        "created_at": answers[0]["created_at"],
    }


def test_a_save_on_top_of_somebody_elses_is_refused(desk: Desk) -> None:
    project_id = desk.project()
    assert put(desk, project_id, timeline(name="one"), "?expected_version=0").status_code == 200
    assert put(desk, project_id, timeline(name="two"), "?expected_version=1").status_code == 200

    answer = put(desk, project_id, timeline(name="three"), "?expected_version=1")

    assert (answer.status_code, answer.json()["code"]) == (409, "version_conflict")
    assert desk.http.get(f"/projects/{project_id}").json()["timeline_version"] == 2


def test_a_draft_without_media_is_saved(desk: Desk) -> None:
    draft = timeline(track(clip({"OTIO_SCHEMA": "MissingReference.1"})), track())

    assert put(desk, desk.project(), draft).json()["clip_count"] == 1


NOT_OTIO: dict[str, tuple[dict[str, Any], str]] = {
    "another document": ({"hello": "world"}, "/OTIO_SCHEMA"),
    "another root": ({**timeline(), "OTIO_SCHEMA": "SerializableCollection.1"}, "/OTIO_SCHEMA"),
    "no tracks": ({"OTIO_SCHEMA": "Timeline.1"}, "/tracks"),
    "an unknown item": (timeline(track({"OTIO_SCHEMA": "Surprise.1"})), "/tracks/children/0/children/0"),
    "a rate of zero": (
        timeline(track(clip(source_range={**time_range(), "duration": rational(1, 0)}))),
        "/tracks/children/0/children/0/source_range/duration/rate",
    ),
    "a range without start": (
        timeline(track(clip(), clip(source_range={"OTIO_SCHEMA": "TimeRange.1", "duration": rational(1)}))),
        "/tracks/children/0/children/1/source_range/start_time",
    ),
}


@pytest.mark.parametrize("why", NOT_OTIO)
def test_what_is_no_timeline_is_422_with_a_pointer_to_the_place(why: str, desk: Desk) -> None:
    document, pointer = NOT_OTIO[why]
    project_id = desk.project()

    answer = put(desk, project_id, document)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_timeline")
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    assert desk.http.get(f"/projects/{project_id}/timeline").status_code == 404


def test_10_000_clips_are_saved_and_rendered(desk: Desk) -> None:
    project_id = desk.project()
    asset_id = desk.asset(project_id)["asset_id"]
    many = timeline(track(*(clip(external(asset_id), name=f"clip {n}") for n in range(10_000))))

    assert put(desk, project_id, many).json()["clip_count"] == 10_000
    assert desk.render(project_id)["status"] == "queued"


def test_a_document_over_the_limit_is_413(desk: Desk) -> None:
    answer = put(desk, desk.project(), timeline(metadata={"notes": "x" * MAX_TIMELINE_BYTES}))

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
