"""``RenderLauncher`` where there is no Cloud Run; ``wiring`` builds it for the local backend."""

from functions.errors import NotApplicable


def _refusal() -> NotApplicable:
    return NotApplicable(
        "This control plane has no Cloud Run.",
        hint="Use execution mode `local`, or a deployment with DESKRUN_BACKEND=gcp.",
    )


class NoRenderLauncher:
    """A local control plane starts no renders in the cloud: its desks do all the work."""

    def check(self) -> None:
        """Always ``NotApplicable``."""
        raise _refusal()

    def launch(self, *, job_id: str, project_id: str, claim_token: str) -> str:  # noqa: ARG002 - the port's signature
        """Always ``NotApplicable``."""
        raise _refusal()

    def cancel(self, execution_id: str) -> None:
        """Nothing was ever started."""
