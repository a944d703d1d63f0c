"""A person who tries again as the daemon does, for tests in which the control plane comes and goes."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from schemas.renders import ListRenders, RenderRequest
from tests.support.processes import PATIENCE_SECONDS, TOKEN
from tests.support.studio import QUICK, ResultT, Studio
from worker.control_plane import ControlPlane
from worker.retries import retrying


class PatientStudio(Studio):
    """Every call again until it is answered; creating calls with the same ``Idempotency-Key``."""

    def _run(self, call: Callable[[ControlPlane], Awaitable[ResultT]]) -> ResultT:
        async def main() -> ResultT:
            async with ControlPlane(self.url, lambda: TOKEN) as plane:
                return await retrying(lambda: call(plane), within_seconds=PATIENCE_SECONDS)

        return asyncio.run(main())

    def ask_for_render(self, preset: dict[str, Any] | None = None) -> str:
        """Create one render of the newest timeline, however often it has to be asked for; its job id."""
        request = RenderRequest.model_validate({"preset": preset or QUICK})
        key = uuid.uuid4().hex
        return self._run(lambda plane: plane.create_render(self.project_id, request, idempotency_key=key)).job.job_id

    def count_jobs(self) -> int:
        """How many renders the project has."""
        return self._run(lambda plane: plane.list_renders(self.project_id, ListRenders(limit=1))).total
