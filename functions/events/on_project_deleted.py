"""A project was deleted: removes its records and its objects. Woken by ``project-deleted``; safe to be woken twice."""

from collections.abc import Callable

from functions.domain import outputs, timelines
from functions.domain.assets import ASSETS
from functions.domain.outputs import ISSUED_OUTPUTS, OUTPUTS
from functions.domain.renders import RENDERS
from functions.domain.timelines import TIMELINES
from functions.endpoint import Deployment
from functions.ports import Document, Services, Transaction, Where
from functions.trigger import on_message
from schemas.events import ProjectDeleted, Topic

BATCH_SIZE = 100
"""Well below the 500 writes of a Firestore commit."""

_OWNED: dict[str, Callable[[Document], str]] = {
    RENDERS: lambda document: document["job_id"],
    ASSETS: lambda document: document["asset_id"],
    OUTPUTS: lambda document: document["video_id"],
    ISSUED_OUTPUTS: lambda document: outputs.issued_id(document["object_name"]),
    TIMELINES: lambda document: timelines.record_id(document["project_id"], document["version"]),
}


@on_message(Topic.PROJECT_DELETED, deployment=Deployment(timeout_seconds=540, concurrency=1))
def on_project_deleted(message: ProjectDeleted, services: Services) -> None:
    """Remove everything a deleted project owned."""
    owned = Where("project_id", "==", message.project_id)
    for collection, id_of in _OWNED.items():
        while found := services.documents.query(collection, owned, limit=BATCH_SIZE):
            _delete(services, collection, [id_of(document) for document in found])
    services.objects.delete_prefix(f"{message.project_id}/")


def _delete(services: Services, collection: str, doc_ids: list[str]) -> None:
    def delete(tx: Transaction) -> None:
        for doc_id in doc_ids:
            tx.delete(collection, doc_id)

    services.documents.transaction(delete)
