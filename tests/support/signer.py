"""A throw-away RSA key that signs Cloud Storage URLs; tests and the stand-in's command line use it.

The private half signs (``blob.generate_signed_url(version="v4", credentials=key.credentials())``), the public
half goes to the stand-in, which verifies.
"""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from google.auth import credentials, crypt

SIGNER_EMAIL = "signer@deskrun-tests.iam.gserviceaccount.com"


class _KeySigner(crypt.Signer):
    """google-auth's signer interface over an RSA key held in memory."""

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        self._key = key

    @property
    def key_id(self) -> str | None:
        return None

    def sign(self, message: str | bytes) -> bytes:
        payload = message.encode() if isinstance(message, str) else message
        return self._key.sign(payload, padding.PKCS1v15(), hashes.SHA256())


class SigningCredentials(credentials.AnonymousCredentials, credentials.Signing):
    """Credentials that sign with a local key and send no token, as a client of the stand-in should."""

    def __init__(self, signer: crypt.Signer, email: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._signer = signer
        self._email = email

    def sign_bytes(self, message: bytes) -> bytes:
        signature: bytes = self._signer.sign(message)
        return signature

    @property
    def signer_email(self) -> str:
        return self._email

    @property
    def signer(self) -> crypt.Signer:
        return self._signer


class SigningKey:
    """An RSA-2048 key pair for one test run."""

    def __init__(self, private_key: rsa.RSAPrivateKey) -> None:
        self._private_key = private_key

    @classmethod
    def generate(cls) -> "SigningKey":
        return cls(rsa.generate_private_key(public_exponent=65537, key_size=2048))

    @classmethod
    def load(cls, path: Path) -> "SigningKey":
        """Read a private key written by `save`; ValueError when the file holds anything else."""
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(key, rsa.RSAPrivateKey):
            message = f"{path} does not hold an RSA private key"
            raise ValueError(message)  # noqa: TRY004 - the file's content is wrong, not the caller's type
        return cls(key)

    @property
    def public_key(self) -> rsa.RSAPublicKey:
        return self._private_key.public_key()

    def save(self, path: Path) -> None:
        """Write the private key as PKCS 8 PEM, readable by its owner only."""
        path.touch(mode=0o600)
        path.write_bytes(
            self._private_key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )

    def save_public(self, path: Path) -> None:
        """Write the public key as PEM: what the stand-in's ``--public-key`` takes."""
        path.write_bytes(
            self.public_key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )

    def credentials(self, email: str = SIGNER_EMAIL) -> SigningCredentials:
        return SigningCredentials(_KeySigner(self._private_key), email)


@dataclass(frozen=True)
class SignedUrls:
    """Signs URLs for one bucket with Google's own code."""

    bucket: Any
    key: SigningKey
    endpoint: str

    def __call__(self, name: str, method: str = "GET", **options: Any) -> str:
        url: str = self.bucket.blob(name).generate_signed_url(
            **{"expiration": timedelta(minutes=5), **options},
            version="v4",
            method=method,
            credentials=self.key.credentials(),
            api_access_endpoint=self.endpoint,
        )
        return url


def load_public_key(path: Path) -> rsa.RSAPublicKey:
    """Read a PEM public key; ValueError when the file holds anything but an RSA public key."""
    key = serialization.load_pem_public_key(path.read_bytes())
    if not isinstance(key, rsa.RSAPublicKey):
        message = f"{path} does not hold an RSA public key"
        raise ValueError(message)  # noqa: TRY004 - the file's content is wrong, not the caller's type
    return key
