"""Google's IAM Credentials API: signs as, or mints tokens of, a service account; `objects` and `worker_tokens` call it.

Its own small client because google-auth's signer has neither a time limit nor an address that a test can change.
https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts
"""

import base64
from typing import Any

import google.auth
from google.api_core import exceptions
from google.api_core.retry import Retry, if_exception_type
from google.auth import compute_engine
from google.auth.credentials import Credentials, Signing
from google.auth.crypt import Signer
from google.auth.transport.requests import AuthorizedSession, Request
from requests import RequestException

from functions.backends.gcp.failures import unavailable_as_ours

IAM_URL = "https://iamcredentials.googleapis.com"
CLOUD_SCOPE = "https://www.googleapis.com/auth/cloud-platform"

PATIENCE_SECONDS = 10.0

_SERVICE = "IAM Credentials"
_RPC_SECONDS = 5.0
_RETRY = Retry(
    predicate=if_exception_type(exceptions.ServerError, exceptions.TooManyRequests, RequestException),
    initial=0.1,
    maximum=1.0,
)
"""Signing and minting leave nothing behind, so both may be repeated."""


class IamCredentials:
    """The API as seen with one set of credentials; their token is refreshed when it is about to expire."""

    def __init__(
        self, credentials: Credentials | None = None, *, url: str = IAM_URL, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        self._credentials = credentials or google.auth.default(scopes=[CLOUD_SCOPE])[0]
        self._session = AuthorizedSession(self._credentials, refresh_timeout=_RPC_SECONDS)
        self._url = url
        self._retry = _RETRY.with_timeout(patience_seconds)

    def own_account(self) -> str:
        """The e-mail address of the service account that the credentials are of; ValueError if of none."""
        with unavailable_as_ours(_SERVICE):
            if isinstance(self._credentials, compute_engine.Credentials) and not self._credentials.valid:
                # Until its first token it calls itself "default".
                self._credentials.refresh(Request())
        email = getattr(self._credentials, "service_account_email", None)
        if not email:
            raise ValueError("these credentials are not a service account's: set DESKRUN_SIGNING_SERVICE_ACCOUNT")
        return str(email)

    def sign_blob(self, account: str, payload: bytes) -> bytes:
        """RSA-SHA256 over ``payload`` with a key of ``account`` that Google holds."""
        answer = self._call(account, "signBlob", {"payload": base64.b64encode(payload).decode()})
        return base64.b64decode(answer["signedBlob"])

    def access_token(self, account: str, *, scope: str, lifetime_seconds: int) -> str:
        """A fresh OAuth token of ``account``."""
        body = {"scope": [scope], "lifetime": f"{lifetime_seconds}s"}
        return str(self._call(account, "generateAccessToken", body)["accessToken"])

    def _call(self, account: str, method: str, body: dict[str, Any]) -> dict[str, Any]:
        url = f"{self._url}/v1/projects/-/serviceAccounts/{account}:{method}"

        def post() -> dict[str, Any]:
            response = self._session.post(url, json=body, timeout=_RPC_SECONDS)
            if not response.ok:
                raise exceptions.from_http_response(response)
            answer: dict[str, Any] = response.json()
            return answer

        with unavailable_as_ours(_SERVICE, RequestException):
            return self._retry(post)()


class IamSigner(Signing):
    """Signs storage URLs in the cloud, where a function has no private key of its own."""

    def __init__(self, iam: IamCredentials, account: str | None) -> None:
        self._iam = iam
        self._account = account or iam.own_account()

    def sign_bytes(self, message: bytes) -> bytes:
        """One network call."""
        return self._iam.sign_blob(self._account, message)

    @property
    def signer_email(self) -> str:
        """The account whose rights the URL carries."""
        return self._account

    @property
    def signer(self) -> Signer:
        """Part of google-auth's interface; URLs are signed by `sign_bytes`."""
        raise NotImplementedError
