"""The signing key on disk."""

import subprocess
import sys
from pathlib import Path

from functions.backends.local.signed_urls import load_key

LOAD = """
import sys
from pathlib import Path
from functions.backends.local.signed_urls import load_key
print(load_key(Path(sys.argv[1])).hex())
"""


def test_the_key_is_made_once_and_nobody_else_can_read_it(tmp_path: Path) -> None:
    key = load_key(tmp_path / "signing.key")
    assert len(key) == 32
    assert (tmp_path / "signing.key").stat().st_mode & 0o777 == 0o600
    assert load_key(tmp_path / "signing.key") == key
    assert [path.name for path in tmp_path.iterdir()] == ["signing.key"]
    assert load_key(tmp_path / "other.key") != key


def test_processes_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LOAD, str(tmp_path / "signing.key")]
    children = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    keys = {child.communicate(timeout=60)[0] for child in children}
    assert keys == {(tmp_path / "signing.key").read_bytes().hex() + "\n"}
    assert [path.name for path in tmp_path.iterdir()] == ["signing.key"]
