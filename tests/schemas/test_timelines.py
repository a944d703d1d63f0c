"""Reading OpenTimelineIO documents, also those that the opentimelineio library writes."""

import json
from typing import Any

import opentimelineio as otio
import pytest

from schemas.timelines import MediaReference, Timeline, asset_id_of
from tests.builders import clip, external, solid, timeline, track


def reference(**fields: Any) -> MediaReference:
    return MediaReference.model_validate({"OTIO_SCHEMA": "ExternalReference.1", **fields})


@pytest.mark.parametrize(
    ("fields", "asset_id"),
    [
        ({"asset_id": "a1"}, "a1"),
        ({"metadata": {"deskrun": {"asset_id": "a1"}}}, "a1"),
        ({"target_url": "asset:a1"}, "a1"),
        ({"asset_id": "a1", "target_url": "asset:a2"}, "a1"),
        ({"target_url": "file:///a1"}, None),
        ({"target_url": "asset:../a1"}, None),
        ({"asset_id": "../a1"}, None),
        ({"asset_id": 7}, None),
        ({"metadata": {"deskrun": "a1"}}, None),
        ({"OTIO_SCHEMA": "GeneratorReference.1", "asset_id": "a1"}, None),
    ],
)
def test_the_asset_of_a_reference(fields: dict[str, Any], asset_id: str | None) -> None:
    assert asset_id_of(reference(**fields)) == asset_id


def test_clips_come_with_their_pointers_also_nested_ones() -> None:
    inner = {"OTIO_SCHEMA": "Stack.1", "children": [track(clip(name="deep"))]}
    gap = {"OTIO_SCHEMA": "Gap.1"}

    found = Timeline.model_validate(timeline(track(clip(name="one"), gap, inner), track(clip(name="two")))).clips()

    assert [(pointer, each.name) for pointer, each in found] == [
        ("/tracks/children/0/children/0", "one"),
        ("/tracks/children/0/children/2/children/0/children/0", "deep"),
        ("/tracks/children/1/children/0", "two"),
    ]


def test_a_clip_of_version_2_has_an_active_reference() -> None:
    two = {
        "OTIO_SCHEMA": "Clip.2",
        "media_references": {"DEFAULT_MEDIA": solid(), "proxy": external("a1")},
        "active_media_reference_key": "proxy",
    }
    ((_, read),) = Timeline.model_validate(timeline(track(two))).clips()

    assert read.active_reference is not None
    assert asset_id_of(read.active_reference) == "a1"


def test_what_the_library_writes_is_read() -> None:
    made = otio.schema.Timeline("cut")
    video = otio.schema.Track("V1", kind="Video")
    made.tracks.append(video)
    span = otio.opentime.TimeRange(otio.opentime.RationalTime(0, 24), otio.opentime.RationalTime(48, 24))
    for number in range(2):
        media = otio.schema.ExternalReference(target_url=f"asset:a{number}", available_range=span)
        video.append(otio.schema.Clip(f"clip {number}", media_reference=media, source_range=span))
    half = otio.opentime.RationalTime(6, 24)
    video.insert(1, otio.schema.Transition("SMPTE_Dissolve", in_offset=half, out_offset=half))

    read = Timeline.model_validate(json.loads(made.to_json_string()))

    assert [asset_id_of(c.active_reference) for _, c in read.clips() if c.active_reference] == ["a0", "a1"]
