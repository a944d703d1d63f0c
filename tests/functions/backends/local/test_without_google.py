"""What a local control plane answers where a deployment would ask Google."""

import pytest

from functions.backends.local.launcher import NoRenderLauncher
from functions.backends.local.worker_tokens import NoWorkerTokens
from functions.errors import NotApplicable


def test_there_are_no_cloud_renders() -> None:
    launcher = NoRenderLauncher()
    for attempt in (launcher.check, lambda: launcher.launch(job_id="j", project_id="p", claim_token="t")):
        with pytest.raises(NotApplicable) as raised:
            attempt()
        assert "DESKRUN_BACKEND=gcp" in (raised.value.hint or "")
    launcher.cancel("execution")


def test_there_are_no_worker_tokens() -> None:
    with pytest.raises(NotApplicable) as raised:
        NoWorkerTokens().mint("worker")
    assert "wait_seconds" in (raised.value.hint or "")
