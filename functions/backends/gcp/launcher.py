"""Starts and stops cloud renders as executions of one Cloud Run job; the render dispatch and cancels call it."""

from datetime import timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud.run_v2.services.executions import ExecutionsClient
from google.cloud.run_v2.services.executions.transports import ExecutionsRestTransport
from google.cloud.run_v2.services.jobs import JobsClient
from google.cloud.run_v2.services.jobs.transports import JobsRestTransport
from google.cloud.run_v2.types import EnvVar, RunJobRequest
from requests import RequestException

from functions.backends.gcp.failures import unavailable_as_ours
from functions.errors import NotApplicable, Unavailable
from functions.settings import Settings

CLAIM_TOKEN_VARIABLE = "DESKRUN_CLAIM_TOKEN"  # noqa: S105 - the variable's name
TASK_TIMEOUT = timedelta(hours=24)
"""A bound on cost. Whether a render still lives is what its lease says."""

_SERVICE = "Cloud Run"
_RPC_SECONDS = 30.0


class CloudRunLauncher:
    """Executions of ``settings.render_cpu_job_name``, over REST: two calls are not worth a gRPC channel."""

    def __init__(self, settings: Settings) -> None:
        self._job = (
            f"projects/{settings.gcp_project_id}/locations/{settings.gcp_region}/jobs/{settings.render_cpu_job_name}"
        )
        self._settings = settings

    @cached_property
    def _jobs(self) -> JobsClient:
        return JobsClient(transport=JobsRestTransport(**_transport_arguments(self._settings.run_api_url)))

    @cached_property
    def _executions(self) -> ExecutionsClient:
        return ExecutionsClient(transport=ExecutionsRestTransport(**_transport_arguments(self._settings.run_api_url)))

    def check(self) -> None:
        """``errors.NotApplicable`` on emulators: Cloud Run has none, and its jobs could not reach the others."""
        if self._settings.firestore_emulator_host and self._settings.run_api_url is None:
            raise NotApplicable(
                "There is no emulator of Cloud Run.",
                hint="Use execution mode `local`, or point DESKRUN_RUN_API_URL at a stand-in.",
            )

    def launch(self, *, job_id: str, project_id: str, claim_token: str) -> str:
        """Start one execution and return its full resource name; returns as soon as Cloud Run has accepted it.

        Never repeated here: a second execution could not claim the job, but it would cost.
        """
        container = RunJobRequest.Overrides.ContainerOverride(
            args=["--project-id", project_id, "--job-id", job_id],
            env=[EnvVar(name=CLAIM_TOKEN_VARIABLE, value=claim_token)],
        )
        request = RunJobRequest(
            name=self._job,
            overrides=RunJobRequest.Overrides(container_overrides=[container], task_count=1, timeout=TASK_TIMEOUT),
        )
        with unavailable_as_ours(_SERVICE, RequestException):
            try:
                operation = self._jobs.run_job(request, retry=None, timeout=_RPC_SECONDS)
            except exceptions.NotFound as error:
                raise Unavailable(
                    f"The Cloud Run job {self._job} does not exist.",
                    hint="Deploy it, or correct RENDER_CPU_JOB_NAME, GCP_REGION and GCP_PROJECT_ID.",
                ) from error
            except exceptions.Forbidden as error:
                raise Unavailable(
                    f"The control plane may not run {self._job}.",
                    hint="Its service account needs run.jobs.run and run.jobs.runWithOverrides on the job.",
                ) from error
        name: str = operation.metadata.name
        return name

    def cancel(self, execution_id: str) -> None:
        """Stop an execution that may still run; one that is over or gone is no error."""
        with unavailable_as_ours(_SERVICE, RequestException):
            try:
                self._executions.cancel_execution(name=execution_id, retry=None, timeout=_RPC_SECONDS)
            except exceptions.NotFound:
                return
            except exceptions.BadRequest as error:
                if not _is_over(error):
                    raise


def _is_over(error: exceptions.BadRequest) -> bool:
    """Whether this is FAILED_PRECONDITION, which over REST has no class of its own."""
    answer = error.response.json() if error.response is not None else {}
    return bool(answer.get("error", {}).get("status") == "FAILED_PRECONDITION")


def _transport_arguments(url: str | None) -> dict[str, Any]:
    if url is None:
        return {}
    parts = urlsplit(url)
    return {"host": parts.netloc, "url_scheme": parts.scheme, "credentials": AnonymousCredentials()}
