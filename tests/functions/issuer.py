"""A token issuer: two key pairs and a real HTTP server that publishes them, breaks down and hangs as told."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from functions.settings import Settings
from tests.support.control_plane import JWT_AUDIENCE, JWT_ISSUER


class Issuer:
    """Publishes an RSA key ``rsa`` and an EC key ``ec``. Set ``answer`` to serve something else, ``hang`` to block."""

    def __init__(self) -> None:
        self.rsa = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.ec = ec.generate_private_key(ec.SECP256R1())
        keys = [
            {**jwt.algorithms.RSAAlgorithm.to_jwk(self.rsa.public_key(), as_dict=True), "kid": "rsa", "use": "sig"},
            {**jwt.algorithms.ECAlgorithm.to_jwk(self.ec.public_key(), as_dict=True), "kid": "ec", "use": "sig"},
        ]
        self.keys = json.dumps({"keys": keys}).encode()
        self.answer: tuple[int, bytes] = 200, self.keys
        self.hang = threading.Event()
        self.released = threading.Event()
        self.asked = 0
        self.url = ""

    def public_pem(self) -> bytes:
        """The RSA key as an attacker who knows it could use it for an HMAC."""
        return self.rsa.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def settings(self, algorithm: str, **values: Any) -> Settings:
        """A control plane that trusts this issuer."""
        given = {
            "jwt_algorithm": algorithm,
            "jwks_url": self.url,
            "jwt_issuer": JWT_ISSUER,
            "jwt_audience": JWT_AUDIENCE,
            **values,
        }
        return Settings.model_validate(given)


@contextmanager
def serving_issuer() -> Iterator[Issuer]:
    """A running issuer. Each has its own URL, so that no keys are remembered from the one before."""
    issuer = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked += 1
            if issuer.hang.is_set():
                issuer.released.wait(60)
                return
            status, content = issuer.answer
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Not of interest."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer.url = f"http://127.0.0.1:{server.server_port}/keys.json"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        issuer.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
