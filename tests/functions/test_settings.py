"""The combinations of settings that would be unsafe are refused at the start, with a text that says what to do."""

from typing import Any

import pytest
from pydantic import ValidationError

from functions.settings import Settings

CLOUD = {"K_SERVICE": "create_render", "backend": "gcp", "GCP_PROJECT_ID": "p"}
HS256 = {"jwt_algorithm": "HS256", "jwt_secret": "x" * 32, "jwt_issuer": "i", "jwt_audience": "a"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({**CLOUD, "DEV_API_TOKEN": "t"}, "DEV_API_TOKEN"),
        ({**CLOUD, "signing_key_file": "key.pem"}, "DESKRUN_SIGNING_KEY_FILE"),
        ({**CLOUD, "backend": "local"}, "DESKRUN_BACKEND"),
        ({"backend": "gcp"}, "GCP_PROJECT_ID"),
        ({**HS256, "jwt_issuer": None}, "DESKRUN_JWT_ISSUER"),
        ({**HS256, "jwt_audience": None}, "DESKRUN_JWT_AUDIENCE"),
        ({**HS256, "jwt_secret": "x" * 31}, "32 bytes"),
        ({**HS256, "jwt_secret": None}, "DESKRUN_JWT_SECRET"),
        ({**HS256, "jwt_algorithm": "RS256"}, "DESKRUN_JWKS_URL"),
        ({**HS256, "jwt_algorithm": "none"}, "HS256"),
    ],
)
def test_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Settings.model_validate(given)


def test_the_environment_is_read_by_the_names_of_the_guide(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "DEV_API_TOKEN": "t",
        "RENDER_EXECUTION_MODE": "cloud",
        "GCS_BUCKET": "media",
        "GOOGLE_CLOUD_PROJECT": "p",
        "DESKRUN_LEASE_SECONDS": "30",
        "DESKRUN_PUBLIC_URL": "",
    }.items():
        monkeypatch.setenv(name, value)

    settings = Settings()

    assert settings.dev_api_token is not None
    assert settings.dev_api_token.get_secret_value() == "t"
    assert (settings.render_execution_mode, settings.gcs_bucket, settings.gcp_project_id) == ("cloud", "media", "p")
    assert (settings.lease_seconds, settings.public_url, settings.in_cloud) == (30, "http://127.0.0.1:8787", False)


def test_secrets_do_not_show() -> None:
    settings = Settings.model_validate({**HS256, "DEV_API_TOKEN": "a very secret token"})

    assert "secret token" not in repr(settings)
    assert "x" * 32 not in repr(settings)


def test_leases_outlive_a_lost_heartbeat() -> None:
    with pytest.raises(ValidationError, match="at least twice"):
        Settings(lease_seconds=20, heartbeat_seconds=15)


def test_what_is_wrong_is_told_without_repeating_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESKRUN_JWT_ALGORITHM", "HS256")
    monkeypatch.setenv("DESKRUN_JWT_SECRET", "short-but-real-secret")
    with pytest.raises(ValidationError) as failed:
        Settings()
    assert "secret" not in str(failed.value).replace("DESKRUN_JWT_SECRET", "").lower()
