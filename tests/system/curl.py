"""``curl`` as a person types it, and the guide's example answers as patterns. Used by the tests of the guide."""

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.require import Need, absent

TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Curl:
    """Calls below ``base`` with a bearer token; a full URL gets no token, as signed URLs want none."""

    base: str
    token: str
    folder: Path

    def __post_init__(self) -> None:
        if shutil.which("curl") is None:
            absent(Need.CURL, "install curl")

    def __call__(self, method: str, where: str, *arguments: str) -> Any:
        """The JSON of a 2xx answer; a failed call says what came instead."""
        status, answer = self.call(method, where, *arguments)
        assert 200 <= status < 300, f"{method} {where}: {status} {answer[:2000]!r}"
        return json.loads(answer) if answer else None

    def call(self, method: str, where: str, *arguments: str) -> tuple[int, bytes]:
        """Status and body of any answer."""
        body = self.folder / "curl-answer"
        body.unlink(missing_ok=True)
        command = ["curl", "--silent", "--show-error", "--noproxy", "*", "--max-time", str(TIMEOUT_SECONDS)]
        command += ["--output", str(body), "--write-out", "%{http_code}", "--request", method]
        if not where.startswith("http"):
            command += ["--header", f"Authorization: Bearer {self.token}"]
            where = self.base + where
        done = subprocess.run([*command, *arguments, where], capture_output=True, check=False, text=True)
        assert done.returncode == 0, done.stderr
        return int(done.stdout), body.read_bytes() if body.exists() else b""

    def send_json(self, method: str, where: str, body: str) -> Any:
        """POST or PUT a JSON text."""
        return self(method, where, "--header", "Content-Type: application/json", "--data", body)

    def put_file(self, url: str, path: Path, headers: dict[str, str]) -> None:
        """``curl --upload-file`` to a signed URL."""
        given = [part for name, value in headers.items() for part in ("--header", f"{name}: {value}")]
        self("PUT", url, "--upload-file", str(path), *given)

    def download(self, url: str) -> bytes:
        """The bytes behind a signed URL."""
        status, content = self.call("GET", url)
        assert status == 200, content[:2000]
        return content


def check(answer: Any, example: str, **names: str) -> None:
    """Every field of the guide's example (JSON text) is in the answer with its type, and fits the example's value.

    In texts ``names`` are replaced by what they stand for here, ``...`` stands for anything, and a time for any time;
    numbers and booleans are as written.
    """
    wanted: dict[str, Any] = json.loads(example)
    assert answer.keys() >= wanted.keys(), f"missing: {wanted.keys() - answer.keys()}"
    for name, value in wanted.items():
        found = answer[name]
        assert type(found) is type(value), f"{name}: {found!r} is not of the type of {value!r}"
        if isinstance(value, str):
            pattern = _pattern(value, names)
            assert re.fullmatch(pattern, found), f"{name}: {found!r} is not like {value!r} ({pattern})"
        else:
            assert found == value, name


def _pattern(text: str, names: dict[str, str]) -> str:
    if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text):
        return r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"
    known = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    parts = re.split(rf"({known}|\.\.\.)", text) if known else [text]
    return "".join(r"\S+" if part == "..." else re.escape(names.get(part, part)) for part in parts)
