"""Who is let in. Tokens are signed for real; the issuer is a real HTTP server."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from functions.auth import DEV_USER_ID, JobCaller, User, hash_token, job_caller, require_user
from functions.errors import Unauthenticated, Unavailable
from functions.settings import Settings
from tests.functions.issuer import Issuer, serving_issuer
from tests.support.control_plane import JWT_AUDIENCE, JWT_ISSUER, JWT_SECRET, LocalControlPlane, make_token

NOW = datetime.now(UTC)


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serving_issuer() as running:
        yield running


@pytest.fixture
def hs256() -> Settings:
    given = {"jwt_algorithm": "HS256", "jwt_secret": JWT_SECRET, "jwt_issuer": JWT_ISSUER, "jwt_audience": JWT_AUDIENCE}
    return Settings.model_validate({**given, "DEV_API_TOKEN": "dev"})


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_a_token_of_the_issuer_names_its_user(hs256: Settings) -> None:
    assert require_user(bearer(make_token("anna")), hs256) == User("anna")


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_tokens_are_verified_with_the_issuers_published_keys(algorithm: str, issuer: Issuer) -> None:
    kid, key = ("rsa", issuer.rsa) if algorithm == "RS256" else ("ec", issuer.ec)
    settings = issuer.settings(algorithm)
    token = make_token("anna", key=key, algorithm=algorithm, headers={"kid": kid})

    assert [require_user(bearer(token), settings) for _ in range(3)] == [User("anna")] * 3
    assert issuer.asked == 1


WRONG: dict[str, dict[str, Any]] = {
    "another key": {"key": "another secret of at least thirty-two bytes"},
    "expired": {"exp": NOW - timedelta(minutes=1)},
    "no exp": {"exp": None},
    "no iat": {"iat": None},
    "no sub": {"sub": None},
    "no aud": {"aud": None},
    "no iss": {"iss": None},
    "another audience": {"aud": "elsewhere"},
    "another issuer": {"iss": "https://elsewhere.test"},
    "issued tomorrow": {"iat": NOW + timedelta(days=1)},
    "not yet valid": {"nbf": NOW + timedelta(days=1)},
    "a stronger algorithm": {"algorithm": "HS512", "key": JWT_SECRET * 2},
    "a subject with a slash": {"sub": "../anna"},
    "a subject with a line break": {"sub": "anna\n"},
    "an empty subject": {"sub": ""},
    "a subject of 129 characters": {"sub": "a" * 129},
}


@pytest.mark.parametrize("why", WRONG)
def test_a_token_is_refused_for(why: str, hs256: Settings) -> None:
    claims = dict(WRONG[why])
    user_id = claims.pop("sub", "anna") or ""
    if WRONG[why].get("sub", "anna") is None:
        claims["sub"] = None
    token = make_token(user_id, **claims)

    with pytest.raises(Unauthenticated) as refused:
        require_user(bearer(token), hs256)

    assert ("expired" in refused.value.detail) == (why == "expired")


def test_an_unsigned_token_is_refused(hs256: Settings, issuer: Issuer) -> None:
    unsigned = make_token("anna", key=None, algorithm="none", headers={"kid": "rsa"})

    for settings in (hs256, issuer.settings("RS256"), issuer.settings("ES256")):
        with pytest.raises(Unauthenticated):
            require_user(bearer(unsigned), settings)


def test_an_hmac_with_the_public_key_is_refused_where_rs256_is_configured(issuer: Issuer) -> None:
    secret = issuer.public_pem()
    # PyJWT refuses to make such a token, so it is made by hand.
    signed = make_token("anna", key="x" * 32, headers={"kid": "rsa"}).rpartition(".")[0]
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(signed.encode(), secret)
    token = f"{signed}.{jwt.utils.base64url_encode(signature).decode()}"

    with pytest.raises(Unauthenticated):
        require_user(bearer(token), issuer.settings("RS256"))


@pytest.mark.parametrize(
    ("configured", "signed_by", "kid"),
    [("RS256", "ES256", "ec"), ("ES256", "RS256", "rsa"), ("RS256", "RS256", "ec"), ("ES256", "ES256", "rsa")],
)
def test_a_key_of_another_kind_is_refused(configured: str, signed_by: str, kid: str, issuer: Issuer) -> None:
    key = issuer.ec if signed_by == "ES256" else issuer.rsa
    token = make_token("anna", key=key, algorithm=signed_by, headers={"kid": kid})

    with pytest.raises(Unauthenticated):
        require_user(bearer(token), issuer.settings(configured))


@pytest.mark.parametrize("kid", ["unknown", "", None])
def test_an_unknown_key_is_refused(kid: str | None, issuer: Issuer) -> None:
    headers = {} if kid is None else {"kid": kid}
    token = make_token("anna", key=issuer.rsa, algorithm="RS256", headers=headers)
    settings = issuer.settings("RS256")

    for _ in range(5):
        with pytest.raises(Unauthenticated):
            require_user(bearer(token), settings)

    assert issuer.asked <= 1


def test_keys_that_the_token_brings_along_are_not_asked_for(issuer: Issuer) -> None:
    with serving_issuer() as evil:
        headers = {"kid": "rsa", "jku": evil.url, "x5u": evil.url}
        token = make_token("anna", key=evil.rsa, algorithm="RS256", headers=headers)

        with pytest.raises(Unauthenticated):
            require_user(bearer(token), issuer.settings("RS256"))

        assert evil.asked == 0


@pytest.mark.parametrize("answer", [(500, b"oops"), (200, b"<html>"), (200, b"[]"), (200, b'{"keys": []}')])
def test_an_issuer_that_is_out_of_order_is_503(answer: tuple[int, bytes], issuer: Issuer) -> None:
    issuer.answer = answer
    token = make_token("anna", key=issuer.rsa, algorithm="RS256", headers={"kid": "rsa"})

    with pytest.raises(Unavailable) as refused:
        require_user(bearer(token), issuer.settings("RS256"))

    assert refused.value.retry_after_seconds


def test_an_issuer_that_is_down_is_503() -> None:
    with serving_issuer() as gone:
        pass
    token = make_token("anna", key=gone.rsa, algorithm="RS256", headers={"kid": "rsa"})

    with pytest.raises(Unavailable):
        require_user(bearer(token), gone.settings("RS256"))


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic YTpi", "wrong", f"Bearer {'x' * 8193}", "Bearer a b", "Bearer \xe9\xff"]
)
def test_an_authorization_header_that_is_no_token_is_refused(header: str, hs256: Settings) -> None:
    with pytest.raises(Unauthenticated):
        require_user({"authorization": header}, hs256)


def test_the_dev_token_is_one_fixed_user(hs256: Settings) -> None:
    assert require_user(bearer("dev"), hs256) == User(DEV_USER_ID)
    with pytest.raises(Unauthenticated):
        require_user(bearer("dev2"), hs256)


def test_without_a_dev_token_nothing_stands_for_it() -> None:
    settings = Settings()

    for token in ("", "dev", "None"):
        with pytest.raises(Unauthenticated):
            require_user(bearer(token), settings)


def test_the_gateways_forwarded_header_comes_first(hs256: Settings) -> None:
    gateway = {"x-forwarded-authorization": f"Bearer {make_token('anna')}"}

    assert require_user({**bearer("the gateway's own identity"), **gateway}, hs256) == User("anna")
    with pytest.raises(Unauthenticated):
        require_user({**bearer(make_token("anna")), "x-forwarded-authorization": "Bearer forged"}, hs256)


def test_a_job_caller_brings_a_lease_token_a_user_or_both(hs256: Settings) -> None:
    lease = {"x-lease-token": "lease_1"}
    user = bearer(make_token("anna"))

    assert job_caller(lease, hs256) == JobCaller(None, "lease_1")
    assert job_caller(user, hs256) == JobCaller(User("anna"), None)
    assert job_caller({**lease, **user}, hs256) == JobCaller(User("anna"), "lease_1")
    for headers in ({}, bearer("wrong")):
        with pytest.raises(Unauthenticated):
            job_caller(headers, hs256)


@pytest.mark.parametrize("header", ["Bearer wrong", "Basic YTpi", "Bearer "])
def test_an_expired_login_does_not_cost_a_render(header: str, hs256: Settings) -> None:
    assert job_caller({"x-lease-token": "lease_1", "authorization": header}, hs256) == JobCaller(None, "lease_1")


def test_of_a_secret_only_a_hash_is_kept() -> None:
    assert hash_token("lease_1") != hash_token("lease_2")
    assert "lease" not in hash_token("lease_1")


def test_tokens_are_verified_over_http_with_either_header(control_plane: LocalControlPlane) -> None:
    token = make_token("anna")
    accepted = [{"Authorization": f"Bearer {token}"}, {"X-Forwarded-Authorization": f"bearer {token}"}]
    refused = [{"Authorization": token}, {"Cookie": f"token={token}"}, {"X-Api-Key": token}]

    statuses = [control_plane.client(headers=h).get("/render/presets").status_code for h in [*accepted, *refused]]

    assert statuses == [200, 200, 401, 401, 401]
    assert control_plane.client().get(f"/render/presets?token={token}").status_code == 401
