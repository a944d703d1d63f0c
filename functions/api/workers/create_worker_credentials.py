"""POST /workers/{worker_id}/credentials: a short-lived token to pull its doorbells. Called by the daemon."""

from functions.auth import User
from functions.endpoint import endpoint
from functions.errors import NotApplicable
from functions.ports import Services
from functions.store import worker_of
from schemas.ids import WorkerId
from schemas.workers import CredentialsAnswer, PubSubSubscription


@endpoint("POST /workers/{worker_id}/credentials")
def create_worker_credentials(worker_id: WorkerId, caller: User, services: Services) -> CredentialsAnswer:
    """Mint Pub/Sub credentials for a worker."""
    worker_of(services.documents, worker_id, caller)
    subscription = services.bus.subscribe_worker(worker_id, caller.user_id)
    if not isinstance(subscription, PubSubSubscription):
        raise NotApplicable("Workers listen by polling here; there is no Pub/Sub.")
    minted = services.worker_tokens.mint(worker_id)
    return CredentialsAnswer(
        access_token=minted.token, expires_in=minted.expires_in_seconds, subscription=subscription.subscription
    )
