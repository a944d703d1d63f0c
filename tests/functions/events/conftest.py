"""A control plane whose messages wait until a test delivers them, with Cloud Run behind it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from functions.backends.gcp.launcher import CloudRunLauncher
from functions.settings import Settings
from tests.builders import Desk
from tests.support.cloud_run_standin import CloudRunStandin
from tests.support.control_plane import LocalControlPlane

CLOUD_JOB = "projects/test/locations/us-central1/jobs/video-render-cpu"


@pytest.fixture(scope="module")
def cloud_run() -> Iterator[CloudRunStandin]:
    with CloudRunStandin(jobs={CLOUD_JOB}) as standin:
        yield standin


@pytest.fixture(scope="module")
def quiet_plane(tmp_path_factory: pytest.TempPathFactory, cloud_run: CloudRunStandin) -> Iterator[LocalControlPlane]:
    google = Settings.model_validate({"backend": "gcp", "GCP_PROJECT_ID": "test", "run_api_url": cloud_run.url})
    folder: Path = tmp_path_factory.mktemp("quiet")
    with LocalControlPlane(folder, delivers=False, launcher=CloudRunLauncher(google)) as running:
        yield running


@pytest.fixture
def quiet_desk(quiet_plane: LocalControlPlane) -> Desk:
    return Desk(quiet_plane)
