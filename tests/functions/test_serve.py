import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx

PATIENCE_SECONDS = 60


def serving(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "functions", "serve", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_it_tells_when_it_is_ready_and_ends_in_good_order(tmp_path: Path) -> None:
    with serving("--port", "0", "--data-dir", str(tmp_path)) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        health = httpx.get(f"{ready['url']}/healthz", trust_env=False)
        process.send_signal(signal.SIGTERM)
        code = process.wait(PATIENCE_SECONDS)

    assert ready["event"] == "ready"
    assert health.json() == {"ok": True}
    assert code == 0


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    with serving("--port", "0", "--data-dir", str(tmp_path / "a")) as first:
        assert first.stdout is not None
        port = json.loads(first.stdout.readline())["url"].rpartition(":")[2]
        with serving("--port", port, "--data-dir", str(tmp_path / "b")) as second:
            _, said = second.communicate(timeout=PATIENCE_SECONDS)
        first.terminate()

    assert second.returncode == 1
    assert "Choose another --port" in said


def test_a_wildcard_address_needs_a_name_that_others_can_use(tmp_path: Path) -> None:
    with serving("--host", "0.0.0.0", "--port", "0", "--data-dir", str(tmp_path)) as process:
        _, said = process.communicate(timeout=PATIENCE_SECONDS)

    assert process.returncode == 2
    assert "--public-url" in said


def test_wrong_settings_are_told_without_a_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "functions", "serve", "--port", "0", "--data-dir", str(tmp_path)]
    done = subprocess.run(
        command, env={"DESKRUN_JWT_ALGORITHM": "HS256"}, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 2
    assert "DESKRUN_JWT_ISSUER" in done.stderr
    assert "Traceback" not in done.stderr
