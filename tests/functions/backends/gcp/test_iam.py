"""URLs signed and tokens minted by IAM, over HTTP against a stand-in that checks the caller's own token."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from io import BytesIO

import httpx
import pytest
from google.api_core.exceptions import Forbidden
from google.auth import _helpers
from google.auth.credentials import Credentials

from functions.backends.gcp.iam import IamCredentials, IamSigner
from functions.backends.gcp.objects import GcsObjectStore
from functions.backends.gcp.worker_tokens import IamWorkerTokens
from functions.errors import NotApplicable, Unavailable
from functions.settings import Settings
from tests.functions.backends.gcp.conftest import GcpSettings
from tests.support.google_rest import Refusal
from tests.support.iam_standin import IamStandin
from tests.support.signer import SigningKey

ACCOUNT = "signer@project.iam.gserviceaccount.com"


class OwnCredentials(Credentials):
    """What a metadata server would give: a new token per refresh."""

    service_account_email = ACCOUNT

    def __init__(self, lifetime: timedelta = timedelta(hours=1)) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.refreshes = 0
        self._lifetime = lifetime

    def refresh(self, _: object) -> None:
        self.refreshes += 1
        self.token = f"own-{self.refreshes}"
        # google-auth keeps naive UTC times.
        self.expiry: datetime = _helpers.utcnow() + self._lifetime


@pytest.fixture
def iam_api(signing_key: SigningKey) -> Iterator[IamStandin]:
    with IamStandin(signing_key, bearers={"own-1", "own-2"}) as standin:
        yield standin


def test_a_url_signed_by_iam_downloads_the_object(iam_api: IamStandin, storage_settings: Settings) -> None:
    store = GcsObjectStore(storage_settings, signer=IamSigner(IamCredentials(OwnCredentials(), url=iam_api.url), None))
    store.write("a/b", BytesIO(b"bytes"), content_type="text/plain")

    url = store.sign_download("a/b", expires_seconds=60)

    assert httpx.get(url).content == b"bytes"
    assert f"X-Goog-Credential={ACCOUNT.replace('@', '%40')}" in url


def test_the_callers_token_is_fetched_once_and_again_when_it_is_about_to_expire(iam_api: IamStandin) -> None:
    lasting, expiring = OwnCredentials(), OwnCredentials(timedelta(seconds=1))
    for credentials in (lasting, expiring):
        iam = IamCredentials(credentials, url=iam_api.url)
        iam.sign_blob(ACCOUNT, b"one")
        iam.sign_blob(ACCOUNT, b"two")

    assert (lasting.refreshes, expiring.refreshes) == (1, 2)


def test_a_hiccup_of_iam_is_retried(iam_api: IamStandin) -> None:
    iam_api.planned_refusals.append(Refusal("UNAVAILABLE", "try again"))

    assert IamCredentials(OwnCredentials(), url=iam_api.url).sign_blob(ACCOUNT, b"payload")


def test_a_missing_role_is_not_retried_and_not_hidden(iam_api: IamStandin) -> None:
    iam_api.planned_refusals.append(Refusal("PERMISSION_DENIED", "iam.serviceAccounts.signBlob denied"))

    with pytest.raises(Forbidden, match="signBlob denied"):
        IamCredentials(OwnCredentials(), url=iam_api.url).sign_blob(ACCOUNT, b"payload")


def test_without_a_service_account_the_setting_is_named() -> None:
    credentials = OwnCredentials()
    credentials.service_account_email = ""

    with pytest.raises(ValueError, match="DESKRUN_SIGNING_SERVICE_ACCOUNT"):
        IamSigner(IamCredentials(credentials), None)


def test_a_worker_token_is_for_pubsub_only_and_of_the_workers_account(
    iam_api: IamStandin, gcp_settings: GcpSettings
) -> None:
    settings = gcp_settings(worker_service_account="desk@project.iam.gserviceaccount.com")

    token = IamWorkerTokens(settings, iam=IamCredentials(OwnCredentials(), url=iam_api.url)).mint("w-1")

    [(account, asked)] = iam_api.minted
    assert (token.token, token.expires_in_seconds) == ("minted-1", 3600)
    assert account == "desk@project.iam.gserviceaccount.com"
    assert (asked.scope, asked.lifetime) == (["https://www.googleapis.com/auth/pubsub"], "3600s")
    assert "minted-1" not in repr(token)


def test_an_iam_that_is_down_is_unavailable(iam_api: IamStandin, gcp_settings: GcpSettings) -> None:
    settings = gcp_settings(worker_service_account=ACCOUNT)
    iam_api.planned_refusals.extend([Refusal("UNAVAILABLE", "down")] * 1000)

    iam = IamCredentials(OwnCredentials(), url=iam_api.url, patience_seconds=0.5)

    with pytest.raises(Unavailable):
        IamWorkerTokens(settings, iam=iam).mint("w-1")


@pytest.mark.parametrize(
    ("values", "word"),
    [({}, "DESKRUN_WORKER_SERVICE_ACCOUNT"), ({"PUBSUB_EMULATOR_HOST": "127.0.0.1:9"}, "PUBSUB_EMULATOR_HOST")],
)
def test_where_no_token_is_needed_or_configured_the_hint_says_what_to_do(
    gcp_settings: GcpSettings, values: dict[str, str], word: str
) -> None:
    with pytest.raises(NotApplicable) as caught:
        IamWorkerTokens(gcp_settings(**values)).mint("w-1")

    assert word in (caught.value.hint or "")
