"""What could not be delivered five times is kept for people, and a render that could not be dispatched fails."""

import logging

from pydantic import ValidationError

from functions.domain.jobs import ErrorReason, fail
from functions.domain.renders import RENDERS, RenderRecord
from functions.ports import Services, Transaction
from functions.trigger import on_message
from schemas.events import RenderDispatch, Topic
from schemas.jobs import JobStatus

logger = logging.getLogger(__name__)

HINT = "The Cloud Run job could not be started; see the log of on_render_dispatch."


@on_message(Topic.DEAD_LETTERS)
def on_dead_letter(message: str, services: Services) -> None:
    """Log a dead letter and give up what depended on it."""
    logger.error("Undeliverable message: %s", message, extra={"event": "dead_letter"})
    try:
        dispatch = RenderDispatch.model_validate_json(message)
    except ValidationError:
        return

    def give_up(tx: Transaction) -> None:
        document = tx.get(RENDERS, dispatch.job_id)
        if document is not None and document["status"] == JobStatus.PENDING:
            job = RenderRecord.load(document)
            failed = fail(job, ErrorReason.DISPATCH_FAILED, HINT, now=services.clock(), actor="system")
            tx.put(RENDERS, dispatch.job_id, failed.dump())

    services.documents.transaction(give_up)
