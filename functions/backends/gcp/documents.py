"""The document store on Firestore: its RPCs with our time limits, and transactions with our retries."""

import random
import re
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import grpc
from google.api_core import exceptions
from google.api_core.retry import Retry, if_exception_type
from google.cloud.firestore_v1 import types
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport

from functions.backends.gcp.document_values import from_fields, to_fields, to_value
from functions.backends.gcp.failures import unavailable_as_ours
from functions.errors import Contention, TooLarge
from functions.ports import Document, Transaction, Where
from functions.settings import Settings

T = TypeVar("T")

PATIENCE_SECONDS = 10.0
"""How long one transaction is tried; a caller's own deadline is longer than that."""
RPC_SECONDS = 10.0
MAX_DOCUMENT_BYTES = 1024**2 - 89
"""Firestore's limit of one field value, the narrower of its two limits of a document."""

_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0
_SERVICE = "Firestore"
_READ_RETRY = Retry(
    predicate=if_exception_type(exceptions.ServiceUnavailable, exceptions.InternalServerError),
    initial=0.05,
    maximum=1.0,
    timeout=RPC_SECONDS,
)
_ASCENDING = types.StructuredQuery.Direction.ASCENDING
_DESCENDING = types.StructuredQuery.Direction.DESCENDING
_OPERATORS = {
    "==": types.StructuredQuery.FieldFilter.Operator.EQUAL,
    "<=": types.StructuredQuery.FieldFilter.Operator.LESS_THAN_OR_EQUAL,
    "contains": types.StructuredQuery.FieldFilter.Operator.ARRAY_CONTAINS,
}
_IMPOSSIBLE_ID = re.compile(r"\.{0,2}|__.*__|.*/.*", re.DOTALL)
"""Ids that Firestore refuses, and the slash, which would name a document elsewhere."""


class FirestoreDocumentStore:
    """Documents in Firestore's native mode, database ``(default)``.

    It speaks the generated client, not the convenience layer on top: that one tries a transaction five times without a
    pause, raises ValueError when it gives up (also, hiding the cause, when it could not even begin), and sets no time
    limits. Here the first read begins the transaction and blind writes need no transaction, which saves a round trip.
    """

    def __init__(self, settings: Settings, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self.database = f"projects/{settings.gcp_project_id}/databases/(default)"
        self.metadata = [("google-cloud-resource-prefix", self.database)]
        self._patience_seconds = patience_seconds
        if settings.firestore_emulator_host:
            channel = grpc.insecure_channel(
                settings.firestore_emulator_host, options=[("grpc.max_receive_message_length", -1)]
            )
            self.client = FirestoreClient(transport=FirestoreGrpcTransport(channel=channel))
            # Without it the emulator applies security rules, as to an end user.
            self.metadata.append(("authorization", "Bearer owner"))
        else:
            self.client = FirestoreClient()

    def get(self, collection: str, doc_id: str) -> Document | None:
        """Read one document outside of a transaction."""
        request = types.GetDocumentRequest(name=self.name(collection, doc_id))
        with unavailable_as_ours(_SERVICE):
            try:
                found = self.client.get_document(
                    request, retry=_READ_RETRY, timeout=RPC_SECONDS, metadata=self.metadata
                )
            except exceptions.NotFound:
                return None
        return from_fields(found)

    def query(
        self,
        collection: str,
        *where: Where,
        order_by: str | None = None,
        descending: bool = False,
        limit: int = 100,
        offset: int = 0,
    ) -> list[Document]:
        """Documents that meet all conditions; ordered by one field that all of them have."""
        query = _structured_query(collection, where)
        if order_by:
            direction = _DESCENDING if descending else _ASCENDING
            query.order_by = [types.StructuredQuery.Order(field={"field_path": order_by}, direction=direction)]
        query.offset = offset
        query.limit = limit
        request = types.RunQueryRequest(parent=self._root, structured_query=query)
        with unavailable_as_ours(_SERVICE):
            answers = self.client.run_query(request, retry=_READ_RETRY, timeout=RPC_SECONDS, metadata=self.metadata)
            return [from_fields(answer.document) for answer in answers if "document" in answer]

    def count(self, collection: str, *where: Where) -> int:
        """How many documents meet all conditions."""
        aggregation = types.StructuredAggregationQuery(
            structured_query=_structured_query(collection, where),
            aggregations=[{"alias": "total", "count": {}}],
        )
        request = types.RunAggregationQueryRequest(parent=self._root, structured_aggregation_query=aggregation)
        with unavailable_as_ours(_SERVICE):
            answers = self.client.run_aggregation_query(
                request, retry=_READ_RETRY, timeout=RPC_SECONDS, metadata=self.metadata
            )
            totals = [answer.result.aggregate_fields["total"].integer_value for answer in answers if answer.result]
        return sum(totals)

    def transaction(self, change: Callable[[Transaction], T]) -> T:
        """Run ``change`` atomically and return its result.

        What was aborted, or failed before its commit was sent, runs again after a growing, jittered pause. A commit
        that got no answer may have happened: that is ``errors.Unavailable`` and never runs again.
        """
        give_up_at = time.monotonic() + self._patience_seconds
        longest_pause_seconds = _FIRST_PAUSE_SECONDS
        aborted_id = b""
        with unavailable_as_ours(_SERVICE):
            while True:
                attempt = _FirestoreTransaction(self, aborted_id)
                try:
                    result = change(attempt)
                    attempt.commit()
                except (exceptions.Aborted, exceptions.ServiceUnavailable) as error:
                    attempt.roll_back()
                    aborted = isinstance(error, exceptions.Aborted)
                    if attempt.commit_sent and not aborted:
                        raise
                    pause_seconds = random.uniform(0, longest_pause_seconds)  # noqa: S311 - jitter, not a secret
                    if time.monotonic() + pause_seconds >= give_up_at:
                        if aborted:
                            raise Contention(retry_after_seconds=1) from error
                        raise
                except BaseException:
                    attempt.roll_back()
                    raise
                else:
                    return result
                time.sleep(pause_seconds)
                longest_pause_seconds = min(2 * longest_pause_seconds, _LONGEST_PAUSE_SECONDS)
                # Names the attempt before, which keeps its place in the line for contended documents.
                aborted_id = attempt.transaction_id or aborted_id

    @property
    def _root(self) -> str:
        return f"{self.database}/documents"

    def name(self, collection: str, doc_id: str) -> str:
        """The full resource name of a document; ValueError for an id that cannot be one."""
        if _IMPOSSIBLE_ID.fullmatch(doc_id):
            raise ValueError(f"not a document id: {doc_id!r}")
        return f"{self._root}/{collection}/{doc_id}"


class _FirestoreTransaction:
    """One attempt: begun by its first read, its writes kept back until the commit."""

    def __init__(self, store: FirestoreDocumentStore, aborted_id: bytes) -> None:
        self.transaction_id = b""
        self.commit_sent = False
        self._store = store
        self._aborted_id = aborted_id
        self._writes: list[types.Write] = []

    def get(self, collection: str, doc_id: str) -> Document | None:
        """Read a document; RuntimeError after a write in the same transaction."""
        if self._writes:
            raise RuntimeError("in a transaction, all reads come before the first write")
        request = types.BatchGetDocumentsRequest(
            database=self._store.database, documents=[self._store.name(collection, doc_id)]
        )
        if self.transaction_id:
            request.transaction = self.transaction_id
        else:
            request.new_transaction = types.TransactionOptions(read_write={"retry_transaction": self._aborted_id})
        found = None
        for answer in self._store.client.batch_get_documents(
            request, retry=None, timeout=RPC_SECONDS, metadata=self._store.metadata
        ):
            self.transaction_id = answer.transaction or self.transaction_id
            if "found" in answer:
                found = from_fields(answer.found)
        return found

    def put(self, collection: str, doc_id: str, document: Document) -> None:
        """Write the whole document; ``errors.TooLarge`` over Firestore's limit."""
        update = to_fields(self._store.name(collection, doc_id), document)
        size_bytes = types.Document.pb(update).ByteSize()
        if size_bytes > MAX_DOCUMENT_BYTES:
            raise TooLarge(f"A document of {size_bytes} bytes is over the limit of {MAX_DOCUMENT_BYTES}.")
        self._writes.append(types.Write(update=update))

    def delete(self, collection: str, doc_id: str) -> None:
        """Remove the document if it is there."""
        self._writes.append(types.Write(delete=self._store.name(collection, doc_id)))

    def commit(self) -> None:
        """Send the writes; also without any, since only a commit says that what was read belongs together."""
        if not self.transaction_id and not self._writes:
            return
        request = types.CommitRequest(
            database=self._store.database, writes=self._writes, transaction=self.transaction_id
        )
        self.commit_sent = True
        self._store.client.commit(request, retry=None, timeout=RPC_SECONDS, metadata=self._store.metadata)

    def roll_back(self) -> None:
        """Release the locks at once; an attempt that Firestore has forgotten holds none."""
        if not self.transaction_id:
            return
        request = types.RollbackRequest(database=self._store.database, transaction=self.transaction_id)
        with suppress(exceptions.GoogleAPICallError):
            self._store.client.rollback(request, retry=None, timeout=RPC_SECONDS, metadata=self._store.metadata)


def _structured_query(collection: str, where: tuple[Where, ...]) -> types.StructuredQuery:
    query = types.StructuredQuery(from_=[{"collection_id": collection}])
    filters = [
        types.StructuredQuery.Filter(
            field_filter=types.StructuredQuery.FieldFilter(
                field={"field_path": condition.field}, op=_OPERATORS[condition.op], value=to_value(condition.value)
            )
        )
        for condition in where
    ]
    if filters:
        query.where = types.StructuredQuery.Filter(
            composite_filter={"op": types.StructuredQuery.CompositeFilter.Operator.AND, "filters": filters}
        )
    return query
