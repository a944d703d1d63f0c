"""What can be known of a timeline without its media: which assets it needs, and what keeps it from being rendered."""

from typing import Any

import pytest

from functions.domain.timelines import problems, referenced_assets
from schemas.timelines import Timeline
from tests.builders import clip, track
from tests.builders import timeline as timeline_of


def test_media_fonts_and_caption_files_are_referenced() -> None:
    media = {"OTIO_SCHEMA": "ExternalReference.1", "target_url": "asset:film"}
    words = {"text": "x", "font_asset_id": "font"}
    text = {"OTIO_SCHEMA": "GeneratorReference.1", "generator_kind": "Text", "parameters": words}
    clips = [{"OTIO_SCHEMA": "Clip.1", "media_reference": reference} for reference in (media, text, media)]
    stack = {"OTIO_SCHEMA": "Stack.1", "children": [{"OTIO_SCHEMA": "Track.1", "children": clips}]}
    captions = [{"asset_id": "words"}, {"asset_id": 7}, "words"]
    document = {"OTIO_SCHEMA": "Timeline.1", "tracks": stack, "metadata": {"deskrun": {"captions": captions}}}
    assert referenced_assets(Timeline.model_validate(document)) == {
        "film": ["/tracks/children/0/children/0", "/tracks/children/0/children/2"],
        "font": ["/tracks/children/0/children/1"],
        "words": ["/metadata/deskrun/captions/0"],
    }


@pytest.mark.parametrize(("metadata", "errors"), [({}, 1), ({"deskrun": {"missing_media": "slate"}}, 0)])
def test_missing_media_is_an_error_unless_a_slate_is_asked_for(metadata: dict[str, Any], errors: int) -> None:
    document = timeline_of(track(clip({"OTIO_SCHEMA": "MissingReference.1"})), metadata=metadata)
    assert len(problems(Timeline.model_validate(document))) == errors
