"""Presets that no encoder or container could follow are refused before anybody tries."""

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.presets import BUILT_IN_PRESETS, RenderPreset


@pytest.mark.parametrize(
    "fields",
    [
        {"video": {"two_pass": True}},
        {"video": {"codec": "prores", "container": "mp4"}},
        {"video": {"codec": "h264", "container": "webm"}},
        {"video": {"width": 640}},
        {"video": {"crf": 52}},
        {"video": {"bitrate": "fast"}},
        {"video": {"framerate": 0}},
        {"video": {"pixel_format": "yuv420p;rm -rf"}},
        {"video": {"container": "mov"}, "audio": {"codec": "opus"}},
        {"audio": {"codec": "opus", "sample_rate": 44100}},
        {"audio": {"codec": "mp3", "channels": 6}},
        {"gpu": True},
    ],
)
def test_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RenderPreset.model_validate({"name": "mine", **fields})


@pytest.mark.parametrize("name", BUILT_IN_PRESETS)
def test_the_built_in_ones_survive_the_wire(name: str) -> None:
    preset = BUILT_IN_PRESETS[name]

    assert RenderPreset.model_validate_json(preset.model_dump_json()) == preset
    assert preset.name == name
