"""Which assets a timeline needs: the manifest brings these to the desk and no others."""

from functions.domain.timelines import referenced_assets
from schemas.timelines import Timeline


def test_media_fonts_and_caption_files_are_referenced() -> None:
    media = {"OTIO_SCHEMA": "ExternalReference.1", "target_url": "asset:film"}
    words = {"text": "x", "font_asset_id": "font"}
    text = {"OTIO_SCHEMA": "GeneratorReference.1", "generator_kind": "Text", "parameters": words}
    clips = [{"OTIO_SCHEMA": "Clip.1", "media_reference": reference} for reference in (media, text, media)]
    track = {"OTIO_SCHEMA": "Track.1", "children": clips}
    stack = {"OTIO_SCHEMA": "Stack.1", "children": [track]}
    captions = [{"asset_id": "words"}, {"asset_id": 7}, "words"]
    document = {"OTIO_SCHEMA": "Timeline.1", "tracks": stack, "metadata": {"deskrun": {"captions": captions}}}
    assert referenced_assets(Timeline.model_validate(document)) == {
        "film": ["/tracks/children/0/children/0", "/tracks/children/0/children/2"],
        "font": ["/tracks/children/0/children/1"],
        "words": ["/metadata/deskrun/captions/0"],
    }
