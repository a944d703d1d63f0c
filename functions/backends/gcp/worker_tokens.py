"""Mints the Google access tokens with which desks pull their doorbells; `create_worker_credentials` asks for them."""

from functions.backends.gcp.iam import IamCredentials
from functions.errors import NotApplicable
from functions.ports import AccessToken
from functions.settings import Settings

PUBSUB_SCOPE = "https://www.googleapis.com/auth/pubsub"
LIFETIME_SECONDS = 3600
"""The longest that IAM gives without an exception in the organisation's policy."""


class IamWorkerTokens:
    """Tokens of ``settings.worker_service_account``, for Pub/Sub only.

    The scope narrows the token to Pub/Sub and the account's roles to pulling; IAM cannot narrow it to one subscription
    (access boundaries exist for Cloud Storage only), so doorbells carry ids and nothing else.
    """

    def __init__(self, settings: Settings, *, iam: IamCredentials | None = None) -> None:
        self._settings = settings
        self._iam = iam

    def mint(self, worker_id: str) -> AccessToken:  # noqa: ARG002 - one account serves all desks
        """A fresh token; ``errors.NotApplicable`` on the emulator and where no account is set."""
        account = self._settings.worker_service_account
        if self._settings.pubsub_emulator_host:
            raise NotApplicable(
                "The Pub/Sub emulator takes no credentials.",
                hint="Give the desk the same PUBSUB_EMULATOR_HOST.",
            )
        if account is None:
            raise NotApplicable(
                "This control plane mints no Pub/Sub tokens.",
                hint="Set DESKRUN_WORKER_SERVICE_ACCOUNT (with roles/pubsub.subscriber), or let desks poll.",
            )
        if self._iam is None:
            self._iam = IamCredentials()
        token = self._iam.access_token(account, scope=PUBSUB_SCOPE, lifetime_seconds=LIFETIME_SECONDS)
        return AccessToken(token=token, expires_in_seconds=LIFETIME_SECONDS)
