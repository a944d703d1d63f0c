"""The daemon's log: the table of its events, and how a record looks as text or JSON on standard error.

Everything below ``worker/`` that runs in the daemon logs through the functions here; each record is one event with
named facts, never a secret. ``worker/README.md`` shows the table to people.
"""

import json
import logging
import sys
import warnings
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

from worker.errors import ControlPlaneError, Unauthenticated


class Event(StrEnum):
    """Everything the daemon tells. The docstring under each says when."""

    DAEMON_STARTED = "daemon_started"
    """The data folder is ours and the control plane is about to be called."""
    WORKER_REGISTERED = "worker_registered"
    """The control plane knows this desk."""
    WORKER_FORGOTTEN = "worker_forgotten"
    """The control plane does not know this desk any more; it registers again."""
    CONTROL_PLANE_TROUBLE = "control_plane_trouble"
    """A call failed and will be tried again in ``retry_seconds``."""
    CONTROL_PLANE_BACK = "control_plane_back"
    """A heartbeat succeeded after trouble."""
    LOGIN_NEEDED = "login_needed"
    """The token is missing or refused; a person has to run ``deskrun login``."""
    SUBSCRIPTION_STARTED = "subscription_started"
    """Doorbells are listened for."""
    SUBSCRIPTION_BROKEN = "subscription_broken"
    """The stream of doorbells ended or went silent and is started again."""
    DOORBELL_DROPPED = "doorbell_dropped"
    """A message on the stream was not for this desk or not understood."""
    JOB_CLAIMED = "job_claimed"
    """A job is ours."""
    JOB_NOT_CLAIMED = "job_not_claimed"
    """A job was offered but somebody else has it, or it moved on."""
    JOB_RECOVERED = "job_recovered"
    """A job of an earlier run of the daemon is continued."""
    JOB_PHASE = "job_phase"
    """A job enters ``phase``."""
    JOB_COMPLETED = "job_completed"
    """The server counted the result."""
    JOB_FAILED = "job_failed"
    """The job cannot be done; the server was told why."""
    JOB_CANCELLED = "job_cancelled"
    """A person stopped the job."""
    JOB_LOST = "job_lost"
    """The job is not ours any more; its files are gone."""
    JOB_RELEASED = "job_released"
    """The lease was handed back while draining."""
    JOB_KEPT = "job_kept"
    """The daemon ends with this job unfinished and unreported; the next start continues it."""
    REPORT_REFUSED = "report_refused"
    """The server refused a report for good; it was dropped."""
    UPLOAD_RESTARTED = "upload_restarted"
    """The upload session died or the server refused the bytes; the upload starts again."""
    ASSET_FETCHED = "asset_fetched"
    """An asset was downloaded and checked."""
    ASSET_CORRUPT = "asset_corrupt"
    """The bytes of an asset are not what the manifest says; they were thrown away."""
    ASSET_EVICTED = "asset_evicted"
    """An asset left the cache to keep it below its limit."""
    OVERRIDE_USED = "override_used"
    """A local file is used in place of a download."""
    OVERRIDE_IGNORED = "override_ignored"
    """A local file bears an asset's id but is not the asset; it is not used."""
    OVERRIDES_UNWATCHED = "overrides_unwatched"
    """An override folder cannot be watched; it is not used."""
    CHILD_KILLED = "child_killed"
    """A process that an earlier run of the daemon had left behind was ended."""
    STATE_UNREADABLE = "state_unreadable"
    """A state file could not be understood; it was set aside and counts as lost."""
    DRAIN_STARTED = "drain_started"
    """The daemon was asked to end; no new jobs."""
    DAEMON_FAILED = "daemon_failed"
    """The daemon cannot work: its folder is in use, there is no ffmpeg, or the control plane refuses it."""
    DAEMON_STOPPED = "daemon_stopped"
    """The daemon ended in good order."""
    STATE_UNWRITTEN = "state_unwritten"
    """A state file could not be written, most likely for a full disk; the job goes on without it."""
    DEFECT = "defect"
    """A bug in deskrun, with its traceback; the daemon goes on."""


_log = logging.getLogger("deskrun.worker")


def configure(log_format: Literal["text", "json"]) -> None:
    """Send the daemon's records to standard error, and warnings of its libraries too."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if log_format == "json" else _Text())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    _log.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    # watchdog notices twice that a nested folder is new; nothing is lost by it, and nobody can do anything about it.
    warnings.filterwarnings("ignore", message="Callback with id", category=RuntimeWarning)


def info(event: Event, **facts: object) -> None:
    """Something went as it should."""
    _log.info(event, extra={"event": event, "facts": facts})


def warning(event: Event, **facts: object) -> None:
    """Something went wrong and is dealt with."""
    _log.warning(event, extra={"event": event, "facts": facts})


def error(event: Event, **facts: object) -> None:
    """Something went wrong that a person should look at."""
    _log.error(event, extra={"event": event, "facts": facts})


def trouble(failure: ControlPlaneError, retry_seconds: float, **facts: object) -> None:
    """A call failed and is tried again."""
    event = Event.LOGIN_NEEDED if isinstance(failure, Unauthenticated) else Event.CONTROL_PLANE_TROUBLE
    warning(event, **facts, reason=str(failure), retry_seconds=round(retry_seconds, 1))


def defect(**facts: object) -> None:
    """The exception being handled is a bug of ours."""
    _log.exception(Event.DEFECT, extra={"event": Event.DEFECT, "facts": facts})


def _facts_of(record: logging.LogRecord) -> dict[str, Any]:
    """Event and facts; a record of some library becomes event ``library`` with its message."""
    event = getattr(record, "event", None)
    if event is None:
        return {"event": "library", "logger": record.name, "message": record.getMessage()}
    return {"event": str(event), **record.__dict__["facts"]}


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        facts = _facts_of(record)
        event = facts.pop("event")
        at = datetime.fromtimestamp(record.created, UTC).astimezone()
        words = [f"{at:%H:%M:%S}", record.levelname.lower().ljust(7), event]
        words += [f"{name}={_quoted(value)}" for name, value in facts.items() if value is not None]
        trace = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        return " ".join(words) + trace


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC)
        document = {"at": at.isoformat(), "level": record.levelname.lower(), **_facts_of(record)}
        if record.exc_info:
            document["traceback"] = self.formatException(record.exc_info)
        return json.dumps(document, default=str, ensure_ascii=False)


def _quoted(value: object) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if not text or any(c.isspace() or c == '"' for c in text) else text
