"""Cloud renders start and stop through Google's own client against a strict stand-in for the REST API."""

from collections.abc import Iterator

import pytest
from google.api_core.exceptions import BadRequest

from functions.backends.gcp.launcher import CloudRunLauncher
from functions.errors import NotApplicable, Unavailable
from functions.settings import Settings
from tests.functions.backends.gcp.conftest import GcpSettings
from tests.support.cloud_run_standin import CloudRunStandin, EnvironmentVariable
from tests.support.google_rest import Refusal


@pytest.fixture
def cloud_run(gcp_project: str) -> Iterator[CloudRunStandin]:
    job = f"projects/{gcp_project}/locations/europe-west1/jobs/video-render-cpu"
    with CloudRunStandin(jobs={job}) as standin:
        yield standin


@pytest.fixture
def cloud_settings(gcp_settings: GcpSettings, cloud_run: CloudRunStandin) -> Settings:
    return gcp_settings(run_api_url=cloud_run.url, GCP_REGION="europe-west1")


def launch(settings: Settings) -> str:
    return CloudRunLauncher(settings).launch(job_id="j-1", project_id="p-1", claim_token="secret")


def test_a_launch_is_one_execution_with_the_job_in_its_arguments_and_the_token_in_its_environment(
    cloud_run: CloudRunStandin, cloud_settings: Settings
) -> None:
    name = launch(cloud_settings)

    [execution] = cloud_run.executions.values()
    overrides = execution.request.overrides
    [container] = overrides.container_overrides
    assert name == execution.name
    assert container.args == ["--project-id", "p-1", "--job-id", "j-1"]
    assert container.env == [EnvironmentVariable(name="DESKRUN_CLAIM_TOKEN", value="secret")]
    assert (overrides.task_count, overrides.timeout) == (1, "86400s")


def test_cancelling_stops_the_execution_and_does_it_once(cloud_run: CloudRunStandin, cloud_settings: Settings) -> None:
    name = launch(cloud_settings)
    launcher = CloudRunLauncher(cloud_settings)

    launcher.cancel(name)
    launcher.cancel(name)

    assert cloud_run.executions[name].over
    assert [refusal.status for refusal in cloud_run.refusals] == ["FAILED_PRECONDITION"]


def test_cancelling_an_execution_that_is_gone_is_no_error(cloud_run: CloudRunStandin, cloud_settings: Settings) -> None:
    name = launch(cloud_settings)
    del cloud_run.executions[name]

    CloudRunLauncher(cloud_settings).cancel(name)

    assert [refusal.status for refusal in cloud_run.refusals] == ["NOT_FOUND"]


def test_a_cancel_that_the_api_finds_malformed_is_not_taken_for_done(
    cloud_run: CloudRunStandin, cloud_settings: Settings
) -> None:
    with pytest.raises(BadRequest, match="No such method or name"):
        CloudRunLauncher(cloud_settings).cancel("projects/p/locations/l/jobs/j/executions/NOT_ONE")


def test_a_job_that_is_not_deployed_says_which_settings_name_it(
    cloud_run: CloudRunStandin, cloud_settings: Settings
) -> None:
    cloud_run.jobs.clear()

    with pytest.raises(Unavailable) as caught:
        launch(cloud_settings)

    assert "jobs/video-render-cpu does not exist" in caught.value.detail
    assert "RENDER_CPU_JOB_NAME" in (caught.value.hint or "")


def test_a_missing_role_says_which_permissions_are_needed(cloud_run: CloudRunStandin, cloud_settings: Settings) -> None:
    cloud_run.planned_refusals.append(Refusal("PERMISSION_DENIED", "run.jobs.run denied"))

    with pytest.raises(Unavailable) as caught:
        launch(cloud_settings)

    assert "run.jobs.runWithOverrides" in (caught.value.hint or "")


def test_an_api_that_does_not_answer_is_unavailable_for_a_while(gcp_settings: GcpSettings) -> None:
    with pytest.raises(Unavailable) as caught:
        launch(gcp_settings(run_api_url="http://127.0.0.1:9"))

    assert caught.value.retry_after_seconds


def test_on_emulators_there_is_nothing_to_launch_with_unless_a_stand_in_is_named(
    gcp_settings: GcpSettings, cloud_run: CloudRunStandin
) -> None:
    emulator = {"FIRESTORE_EMULATOR_HOST": "127.0.0.1:9"}

    with pytest.raises(NotApplicable, match="no emulator of Cloud Run"):
        CloudRunLauncher(gcp_settings(**emulator)).check()
    CloudRunLauncher(gcp_settings(**emulator, run_api_url=cloud_run.url)).check()
    CloudRunLauncher(gcp_settings()).check()
