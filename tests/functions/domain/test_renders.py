"""Names of objects and files; reports are tried over HTTP in ``api/renders/test_report_render.py``."""

from datetime import UTC, datetime

import pytest

from functions.domain import assets, outputs, renders
from functions.errors import InvalidRequest
from schemas.presets import OutputContainer
from schemas.renders import RenderJobType

NOW = datetime(2026, 1, 21, 13, 14, 15, tzinfo=UTC)


def filename(requested: str | None, container: OutputContainer = OutputContainer.MP4) -> str:
    return renders.output_filename(requested, job_type=RenderJobType.EXPORT, version=3, now=NOW, container=container)


def test_the_default_name_tells_type_version_and_time() -> None:
    assert filename(None) == "export_3_20260121_131415.mp4"
    assert filename(None, OutputContainer.MKV) == "export_3_20260121_131415.mkv"


@pytest.mark.parametrize(
    ("requested", "given"),
    [("a.mp4", "a.mp4"), ("a.MP4", "a.MP4"), ("a", "a.mp4"), ("a.final", "a.final.mp4"), (".mp4", ".mp4.mp4")],
)
def test_a_name_gets_the_containers_extension(requested: str, given: str) -> None:
    assert filename(requested) == given


@pytest.mark.parametrize("requested", ["a.mov", "a.WEBM", "x" * 197, "x" * 198 + ".b"])
def test_a_name_that_does_not_fit_is_refused(requested: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        filename(requested)
    assert [error.pointer for error in refused.value.errors] == ["/output_filename"]


@pytest.mark.parametrize(
    ("name", "asset_id"),
    [
        ("p/assets/a1.mp4", "a1"),
        ("p/assets/a1", "a1"),
        ("p/assets/a/b.mp4", None),
        ("p/renders/a1.mp4", None),
        ("p/assets/../a1.mp4", None),
        ("x/p/assets/a1.mp4", None),
        ("p/assets/a1.mp4\n", None),
    ],
)
def test_the_asset_of_an_object(name: str, asset_id: str | None) -> None:
    assert assets.asset_id_of_object(name) == asset_id


def test_an_outputs_name_is_found_again() -> None:
    name = outputs.object_name("p", "My Film.MOV", unique="0" * 32, now=NOW)

    assert name == f"p/outputs/desktop_20260121_131415_{'0' * 32}.mov"
    assert outputs.could_be_issued(name)
    assert outputs.issued_id(name) == f"desktop_20260121_131415_{'0' * 32}"


@pytest.mark.parametrize("name", ["", "..", "p/outputs/x.mp4", "p/outputs/desktop_1_2_3.mp4", "/p/outputs/x"])
def test_other_names_were_never_issued(name: str) -> None:
    assert not outputs.could_be_issued(name)
