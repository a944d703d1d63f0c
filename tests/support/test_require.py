"""What a machine lacks is named, with the way to get it; what is required fails instead of being skipped."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.support.require import Machine, Need, absent, emulator_lack


def program(folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty PATH."""
    folder = tmp_path / "sdk" / "bin"
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.mark.parametrize("need", [Need.FIRESTORE_EMULATOR, Need.PUBSUB_EMULATOR])
def test_each_thing_an_emulator_needs_is_named_until_all_are_there(path: Path, need: Need) -> None:
    component = {Need.FIRESTORE_EMULATOR: "cloud-firestore-emulator", Need.PUBSUB_EMULATOR: "pubsub-emulator"}[need]

    assert "install the Google Cloud CLI" in (emulator_lack(need) or "")
    program(path, "gcloud")
    assert f"gcloud components install {component}" in (emulator_lack(need) or "")
    (path.parent / "platform" / component).mkdir(parents=True)
    assert "no java" in (emulator_lack(need) or "")
    program(path, "java")
    assert emulator_lack(need) is None


@pytest.mark.parametrize(
    ("text", "required"),
    [
        ("", set()),
        ("all", set(Need)),
        ("pubsub-emulator", {Need.PUBSUB_EMULATOR}),
        (" pubsub-emulator , firestore-emulator,", {Need.PUBSUB_EMULATOR, Need.FIRESTORE_EMULATOR}),
    ],
)
def test_needs_are_required_by_name(monkeypatch: pytest.MonkeyPatch, text: str, required: set[Need]) -> None:
    monkeypatch.setenv("DESKRUN_REQUIRE", text)

    assert Machine().required == required


def test_a_misspelt_need_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESKRUN_REQUIRE", "pubsub")

    with pytest.raises(ValidationError, match="pubsub-emulator"):
        Machine()


def test_a_lack_skips_on_a_laptop_and_fails_where_it_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(pytest.skip.Exception, match="pubsub-emulator: no gcloud"):
        absent(Need.PUBSUB_EMULATOR, "no gcloud", Machine())

    monkeypatch.setenv("DESKRUN_REQUIRE", "all")
    with pytest.raises(pytest.fail.Exception, match="pubsub-emulator: no gcloud"):
        absent(Need.PUBSUB_EMULATOR, "no gcloud", Machine())
