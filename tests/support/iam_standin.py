"""A stand-in for Google's IAM Credentials API, whose accounts all sign with one throw-away key."""

import base64
import re
from dataclasses import dataclass, field
from typing import Any

from pydantic import Base64Bytes, Field

from tests.support.google_rest import Body, Call, GoogleRestApi, Refusal
from tests.support.signer import SigningKey

_PATH = re.compile(r"/v1/projects/-/serviceAccounts/(?P<account>[^/:]+@[^/:]+):(?P<method>\w+)")


class SignBlob(Body):
    payload: Base64Bytes


class GenerateAccessToken(Body):
    scope: list[str] = Field(min_length=1)
    lifetime: str = Field(pattern=r"^[0-9]{1,4}s$")


@dataclass
class IamStandin(GoogleRestApi):
    """Accepts callers with one of ``bearers``."""

    key: SigningKey
    bearers: set[str]
    minted: list[tuple[str, GenerateAccessToken]] = field(default_factory=list)
    """Accounts and what was asked of them."""

    def answer(self, call: Call) -> dict[str, Any]:
        if (call.authorization or "").removeprefix("Bearer ") not in self.bearers:
            raise Refusal("UNAUTHENTICATED", "Request had invalid authentication credentials.")
        path = _PATH.fullmatch(call.path)
        if path is None:
            raise Refusal("NOT_FOUND", f"No such method: {call.path}")
        match path["method"]:
            case "signBlob":
                payload = SignBlob.model_validate_json(call.body).payload
                signature = self.key.credentials().sign_bytes(payload)
                return {"keyId": "1", "signedBlob": base64.b64encode(signature).decode()}
            case "generateAccessToken":
                self.minted.append((path["account"], GenerateAccessToken.model_validate_json(call.body)))
                return {"accessToken": f"minted-{len(self.minted)}", "expireTime": "2030-01-01T00:00:00Z"}
        raise Refusal("NOT_FOUND", f"No such method: {call.path}")
