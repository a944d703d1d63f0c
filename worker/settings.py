"""The one settings model of the desk: command line over environment over ``worker.toml`` over default.

Built once at an entry point (``worker/cli``) and passed down; nothing else reads the environment.
"""

import os
import platform
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import AliasChoices, ByteSize, Field, SecretStr, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)


def settings_file() -> Path:
    """Where ``worker.toml`` is looked for: the platform's configuration folder of deskrun."""
    return platformdirs.user_config_path("deskrun", appauthor=False) / "worker.toml"


class Settings(BaseSettings):
    """Every setting of the desk: ``DESKRUN_<FIELD>`` in the environment, ``<field>`` in ``worker.toml``."""

    model_config = SettingsConfigDict(env_prefix="DESKRUN_", extra="forbid", frozen=True, populate_by_name=True)

    control_plane_url: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")] = "http://127.0.0.1:8787"
    """Base URL of the control plane."""
    token: SecretStr | None = None
    """Bearer token. Without it the token is taken from where ``deskrun login`` put it."""
    data_dir: Path = Field(default_factory=lambda: platformdirs.user_data_path("deskrun", appauthor=False))
    """Folder of the daemon's state, its jobs and the asset cache."""
    name: Annotated[str, Field(min_length=1, max_length=120)] = Field(default_factory=lambda: platform.node() or "desk")
    """How this desk is called in lists of workers."""
    slots: Annotated[int, Field(ge=1, le=64)] = 1
    """Jobs worked on at the same time."""
    override_dirs: Annotated[list[Path], NoDecode] = Field(default_factory=list)
    """Folders whose files are used in place of downloads; in the environment separated as in ``PATH``."""
    cache_max_bytes: ByteSize = ByteSize(20 * 1024**3)
    """Upper limit of the asset cache; also ``"20GiB"``. Files that a running job needs are never evicted."""
    render_cache_max_bytes: ByteSize = ByteSize(10 * 1024**3)
    """Upper limit of the encoded pieces that later renders are put together from; also ``"10GiB"``."""
    ffmpeg: Path | None = Field(default=None, validation_alias=AliasChoices("DESKRUN_FFMPEG", "RENDER_FFMPEG"))
    """The ffmpeg to use (also ``RENDER_FFMPEG``), else the one installed with deskrun, else the machine's."""
    render_threads: Annotated[int, Field(ge=1, le=256)] | None = None
    """Threads of one encoder. Without it ffmpeg decides."""
    drain_seconds: Annotated[float, Field(ge=0, le=86_400)] = 30
    """How long running jobs may go on after SIGTERM before their leases are handed back."""
    log_format: Literal["text", "json"] = "text"
    """How log records look on standard error."""

    @property
    def render_cache_dir(self) -> Path:
        """Where the encoded pieces are; every render of this desk shares it."""
        return self.data_dir / "render-cache"

    @field_validator("override_dirs", mode="before")
    @classmethod
    def _split_path_list(cls, value: Any) -> Any:
        if isinstance(value, str):
            return [part for part in value.split(os.pathsep) if part]
        return value

    @field_validator("data_dir", "ffmpeg", mode="after")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()

    @field_validator("override_dirs", mode="after")
    @classmethod
    def _all_absolute(cls, value: list[Path]) -> list[Path]:
        return [folder.expanduser().absolute() for folder in value]

    @field_validator("control_plane_url", mode="after")
    @classmethod
    def _no_trailing_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the file; no ``.env`` and no secrets folder."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=settings_file())
