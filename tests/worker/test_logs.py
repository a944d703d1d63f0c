import ast
import json
import re
import subprocess
import sys

from tests.support.processes import ROOT
from worker.logs import Event

WORKER = ROOT / "worker"

SCRIPT = """
import sys, logging, warnings
from worker import logs
from worker.errors import Offline, Unauthenticated
logs.configure(sys.argv[1])
logs.info(logs.Event.JOB_CLAIMED, job_id="j", attempt=1, path="a b", nothing=None)
logs.trouble(Offline("gone"), 1.234, job_id="j")
logs.trouble(Unauthenticated("who"), 60)
logging.getLogger("some.library").warning("hello %s", "you")
warnings.warn("Callback with id '7' already exists for watch 3. It will be Overwritten.", RuntimeWarning)
warnings.warn("that is odd", RuntimeWarning)
try:
    1 / 0
except ZeroDivisionError:
    logs.defect(job_id="j")
"""


def said(log_format: str) -> list[str]:
    command = [sys.executable, "-c", SCRIPT, log_format]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stderr.splitlines()


def test_json_records_carry_event_level_time_and_facts() -> None:
    records = [json.loads(line) for line in said("json")]
    assert [record["event"] for record in records] == [
        "job_claimed",
        "control_plane_trouble",
        "login_needed",
        "library",
        "library",
        "defect",
    ]
    assert [record["level"] for record in records] == ["info", *["warning"] * 4, "error"]
    assert records[0]["job_id"] == "j"
    assert records[1]["reason"] == "gone"
    assert records[1]["retry_seconds"] == 1.2
    assert records[3]["message"] == "hello you"
    assert "RuntimeWarning: that is odd" in records[4]["message"]
    assert "ZeroDivisionError" in records[5]["traceback"]
    assert all(record["at"].endswith("+00:00") for record in records)


def test_text_records_are_one_line_that_a_person_can_read() -> None:
    lines = said("text")
    assert re.fullmatch(r'\d\d:\d\d:\d\d info    job_claimed job_id=j attempt=1 path="a b"', lines[0])
    assert lines[3].endswith('library logger=some.library message="hello you"')


def test_the_readme_lists_exactly_the_events_there_are() -> None:
    text = (WORKER / "README.md").read_text()
    table = text.partition("## Log events")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([a-z_]+)` \|", table, re.MULTILINE) == [event.value for event in Event]


def test_every_event_is_used_and_documented() -> None:
    code = "\n".join(path.read_text() for path in WORKER.rglob("*.py"))
    assert [event.name for event in Event if f"Event.{event.name}" not in code] == []
    (table,) = [
        node
        for node in ast.parse((WORKER / "logs.py").read_text()).body
        if isinstance(node, ast.ClassDef) and node.name == "Event"
    ]
    kinds = [type(node.value).__name__ for node in table.body if isinstance(node, ast.Assign | ast.Expr)]
    assert kinds == ["Constant"] * (2 * len(Event) + 1)
