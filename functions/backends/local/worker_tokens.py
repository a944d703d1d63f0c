"""``WorkerTokens`` where there is no Pub/Sub; ``wiring`` builds it for the local backend."""

from functions.errors import NotApplicable
from functions.ports import AccessToken


class NoWorkerTokens:
    """Desks of a local control plane listen by polling and need no token."""

    def mint(self, worker_id: str) -> AccessToken:  # noqa: ARG002 - the port's signature
        raise NotApplicable(
            "This control plane has no Pub/Sub.", hint="Listen with heartbeats that wait (`wait_seconds`)."
        )
