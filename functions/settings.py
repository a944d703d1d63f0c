"""The control plane's settings, read from the environment once at the entry point and passed down."""

from enum import StrEnum
from pathlib import Path
from typing import Literal, Self

from pydantic import AliasChoices, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.renders import RenderExecutionMode

MIN_HMAC_KEY_BYTES = 32


class Backend(StrEnum):
    """Which adapters serve the ports."""

    LOCAL = "local"
    GCP = "gcp"


class Settings(BaseSettings):
    """One field per setting. The environment name is ``DESKRUN_<FIELD>`` unless an alias is given."""

    model_config = SettingsConfigDict(
        env_prefix="DESKRUN_", env_ignore_empty=True, frozen=True, extra="ignore", hide_input_in_errors=True
    )

    backend: Backend = Backend.LOCAL
    """``local`` (SQLite and a folder) or ``gcp`` (Firestore, Pub/Sub, Cloud Storage, or their emulators)."""
    data_dir: Path = Path(".deskrun/control-plane")
    """``local``: where the database and the objects live."""
    public_url: str = "http://127.0.0.1:8787"
    """``local``: the origin under which callers reach the signed object URLs."""
    log_format: Literal["text", "json"] = "text"
    """``text`` for people, ``json`` for Cloud Logging."""

    dev_api_token: SecretStr | None = Field(default=None, validation_alias="DEV_API_TOKEN")
    """A fixed bearer token for one developer; refused in the cloud."""
    jwt_algorithm: Literal["HS256", "RS256", "ES256"] | None = None
    """The only algorithm accepted; unset means no user JWTs."""
    jwt_secret: SecretStr | None = None
    """HS256: at least 32 bytes."""
    jwks_url: str | None = None
    """RS256 and ES256: where the issuer publishes its keys."""
    jwt_issuer: str | None = None
    """The ``iss`` that every token must carry."""
    jwt_audience: str | None = None
    """The ``aud`` that every token must carry."""

    lease_seconds: int = Field(default=60, ge=2, le=3600)
    """How long a claim, report or heartbeat keeps a job."""
    heartbeat_seconds: int = Field(default=15, ge=1, le=600)
    """How often a worker is told to send a heartbeat."""
    implicit_lease_seconds: int = Field(default=3600, ge=60, le=86400)
    """Lease of somebody who follows the guide by hand, without heartbeats."""
    max_attempts: int = Field(default=3, ge=1, le=10)
    """Leases that may run out before the job fails as ``worker_lost``."""
    url_seconds: int = Field(default=3600, ge=60, le=604800)
    """Life of signed URLs."""
    max_asset_bytes: int = Field(default=50 * 1024**3, ge=1)
    """Largest asset."""
    max_output_bytes: int = Field(default=200 * 1024**3, ge=1)
    """Largest render or shared output."""

    render_execution_mode: RenderExecutionMode = Field(
        default=RenderExecutionMode.LOCAL, validation_alias="RENDER_EXECUTION_MODE"
    )
    """Where renders run that do not say."""
    gcs_bucket: str = Field(default="deskrun", validation_alias="GCS_BUCKET")
    """Bucket of assets, manifests, renders and outputs."""
    gcp_project_id: str | None = Field(
        default=None, validation_alias=AliasChoices("GCP_PROJECT_ID", "GOOGLE_CLOUD_PROJECT")
    )
    """``gcp``: the Google Cloud project."""
    gcp_region: str = Field(default="us-central1", validation_alias="GCP_REGION")
    """Region of the Cloud Run job."""
    render_cpu_job_name: str = Field(default="video-render-cpu", validation_alias="RENDER_CPU_JOB_NAME")
    """The Cloud Run job that renders in ``cloud`` mode."""
    worker_service_account: str | None = None
    """Impersonated for workers' Pub/Sub tokens; needs ``roles/pubsub.subscriber`` and nothing else."""
    signing_service_account: str | None = None
    """Signs storage URLs through IAM signBlob; unset means the function's own account."""
    signing_key_file: Path | None = None
    """A PEM key that signs storage URLs instead of IAM: for tests against a stand-in, refused in the cloud."""
    run_api_url: str | None = None
    """Cloud Run API endpoint; set only to point at a stand-in."""

    function_target: str | None = Field(default=None, validation_alias="FUNCTION_TARGET")
    """The function this instance serves; set by the functions framework."""
    k_service: str | None = Field(default=None, validation_alias="K_SERVICE")
    """Set by Cloud Run: tells that this is the cloud."""
    firestore_emulator_host: str | None = Field(default=None, validation_alias="FIRESTORE_EMULATOR_HOST")
    """``host:port`` of the Firestore emulator, instead of Firestore."""
    pubsub_emulator_host: str | None = Field(default=None, validation_alias="PUBSUB_EMULATOR_HOST")
    """``host:port`` of the Pub/Sub emulator, instead of Pub/Sub."""
    storage_emulator_host: str | None = Field(default=None, validation_alias="STORAGE_EMULATOR_HOST")
    """Origin of a Cloud Storage stand-in, with its scheme, instead of Cloud Storage."""

    @property
    def in_cloud(self) -> bool:
        """Whether this process is a deployed function."""
        return self.k_service is not None

    @model_validator(mode="after")
    def _safe(self) -> Self:
        if self.in_cloud and self.dev_api_token is not None:
            raise ValueError("DEV_API_TOKEN is for development and refused in the cloud: unset it and use JWTs")
        if self.in_cloud and self.signing_key_file is not None:
            raise ValueError("DESKRUN_SIGNING_KEY_FILE is for tests and refused in the cloud: IAM signs there")
        if self.in_cloud and self.backend is Backend.LOCAL:
            raise ValueError("DESKRUN_BACKEND must be gcp in the cloud: a function's disk does not last")
        if self.backend is Backend.GCP and not self.gcp_project_id:
            raise ValueError("DESKRUN_BACKEND=gcp needs GCP_PROJECT_ID (or GOOGLE_CLOUD_PROJECT)")
        return self

    @model_validator(mode="after")
    def _leases_outlive_heartbeats(self) -> Self:
        if self.lease_seconds < 2 * self.heartbeat_seconds:
            raise ValueError("DESKRUN_LEASE_SECONDS must be at least twice DESKRUN_HEARTBEAT_SECONDS: one may be lost")
        return self

    @model_validator(mode="after")
    def _jwt_complete(self) -> Self:
        if self.jwt_algorithm is None:
            return self
        if not self.jwt_issuer or not self.jwt_audience:
            raise ValueError("DESKRUN_JWT_ALGORITHM needs DESKRUN_JWT_ISSUER and DESKRUN_JWT_AUDIENCE")
        if self.jwt_algorithm == "HS256":
            secret = self.jwt_secret.get_secret_value() if self.jwt_secret else ""
            if len(secret.encode()) < MIN_HMAC_KEY_BYTES:
                raise ValueError(f"HS256 needs DESKRUN_JWT_SECRET of at least {MIN_HMAC_KEY_BYTES} bytes")
        elif not self.jwks_url:
            raise ValueError(f"{self.jwt_algorithm} needs DESKRUN_JWKS_URL")
        return self
