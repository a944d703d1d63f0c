"""A strict stand-in for the two calls of the Cloud Run Admin API that start and stop renders.

Tests point ``settings.run_api_url`` at it. It refuses whatever the API's REST reference does not allow, and records
what it accepted: https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.jobs/run
"""

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field

from tests.support.google_rest import Body, Call, GoogleRestApi, Refusal

_RUN_PATH = re.compile(r"/v2/(?P<name>projects/[^/]+/locations/[^/]+/jobs/[a-z0-9-]+):run")
_CANCEL_PATH = re.compile(r"/v2/(?P<name>projects/[^/]+/locations/[^/]+/jobs/[a-z0-9-]+/executions/[a-z0-9-]+):cancel")
_QUERY = "%24alt=json%3Benum-encoding%3Dint"


class EnvironmentVariable(Body):
    name: str = Field(min_length=1)
    value: str


class ContainerOverride(Body):
    args: list[str] = Field(default_factory=list)
    env: list[EnvironmentVariable] = Field(default_factory=list)


class Overrides(Body):
    container_overrides: list[ContainerOverride] = Field(default_factory=list)
    task_count: int | None = Field(default=None, ge=1)
    timeout: str | None = Field(default=None, pattern=r"^[0-9]+(\.[0-9]+)?s$")


class RunRequest(Body):
    validate_only: Literal[False] = False
    overrides: Overrides = Overrides()


class CancelRequest(Body):
    validate_only: Literal[False] = False


@dataclass
class Execution:
    """One accepted run."""

    job: str
    name: str
    request: RunRequest
    over: bool = False


@dataclass
class CloudRunStandin(GoogleRestApi):
    """``jobs`` are the full names of deployed jobs."""

    jobs: set[str]
    executions: dict[str, Execution] = field(default_factory=dict)

    def answer(self, call: Call) -> dict[str, Any]:
        if call.query != _QUERY:
            raise Refusal("INVALID_ARGUMENT", f"Unknown query {call.query}")
        if run := _RUN_PATH.fullmatch(call.path):
            return self._run(run["name"], call.body)
        if cancel := _CANCEL_PATH.fullmatch(call.path):
            return self._cancel(cancel["name"], call.body)
        raise Refusal("INVALID_ARGUMENT", f"No such method or name: {call.path}")

    def _run(self, job: str, body: bytes) -> dict[str, Any]:
        if job not in self.jobs:
            raise Refusal("NOT_FOUND", f"Resource '{job}' of kind 'JOB' does not exist.")
        name = f"{job}/executions/{job.rpartition('/')[2]}-{len(self.executions) + 1:05d}"
        self.executions[name] = Execution(job, name, RunRequest.model_validate_json(body))
        return _operation(name)

    def _cancel(self, name: str, body: bytes) -> dict[str, Any]:
        CancelRequest.model_validate_json(body)
        execution = self.executions.get(name)
        if execution is None:
            raise Refusal("NOT_FOUND", f"Resource '{name}' of kind 'EXECUTION' does not exist.")
        if execution.over:
            raise Refusal("FAILED_PRECONDITION", "Execution has already finished.")
        execution.over = True
        return _operation(name)


def _operation(execution: str) -> dict[str, Any]:
    project_and_location = execution.partition("/jobs/")[0]
    return {
        "name": f"{project_and_location}/operations/{execution.rpartition('/')[2]}",
        "metadata": {"@type": "type.googleapis.com/google.cloud.run.v2.Execution", "name": execution},
        "done": False,
    }
