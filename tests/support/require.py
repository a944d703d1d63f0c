"""What this machine has for the tests, and what a test does about what it has not; used by fixtures.

On a laptop a lack is skipped by name. ``DESKRUN_REQUIRE`` turns that into a failure: ``all`` in CI, or a comma list of
the names in `Need`.
"""

import shutil
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import pytest
from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class Need(StrEnum):
    """What a test may need that `make setup` does not bring."""

    FIRESTORE_EMULATOR = "firestore-emulator"
    PUBSUB_EMULATOR = "pubsub-emulator"
    CURL = "curl"
    C_COMPILER = "c-compiler"
    MOUNT = "mount"
    """The right to mount a small file system, which a test can fill."""


class Machine(BaseSettings):
    """The environment of the test run, read before the fixtures clear it."""

    model_config = SettingsConfigDict(env_ignore_empty=True, frozen=True)

    required: Annotated[frozenset[Need], NoDecode] = Field(default=frozenset(), validation_alias="DESKRUN_REQUIRE")
    firestore_emulator_host: str | None = Field(default=None, validation_alias="FIRESTORE_EMULATOR_HOST")
    pubsub_emulator_host: str | None = Field(default=None, validation_alias="PUBSUB_EMULATOR_HOST")

    @field_validator("required", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        """A comma list, or ``all``; a misspelt name must not pass for a need that is met."""
        if not isinstance(value, str):
            return value
        words = {word.strip() for word in value.split(",") if word.strip()}
        return set(Need) if "all" in words else words


MACHINE = Machine()

_COMPONENTS = {
    Need.FIRESTORE_EMULATOR: ("cloud-firestore-emulator", "google-cloud-cli-firestore-emulator"),
    Need.PUBSUB_EMULATOR: ("pubsub-emulator", "google-cloud-cli-pubsub-emulator"),
}


def emulator_lack(need: Need) -> str | None:
    """Why the emulator cannot be started here and how to get it; None when it can."""
    component, package = _COMPONENTS[need]
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        return f"no gcloud: install the Google Cloud CLI with its {component} (package {package})"
    platform = Path(gcloud).resolve().parents[1] / "platform"
    if not (platform / component).is_dir():
        return f"gcloud has no {component}: `gcloud components install {component}`, or the package {package}"
    if shutil.which("java") is None:
        return f"no java, which the {component} runs on: install a headless Java runtime"
    return None


def absent(need: Need, lack: str, machine: Machine = MACHINE) -> NoReturn:
    """Skip the running test for a lack, or fail it where the need is required."""
    text = f"{need}: {lack}"
    if need in machine.required:
        pytest.fail(f"{text} (required by DESKRUN_REQUIRE)", pytrace=False)
    pytest.skip(text)
