"""Tokens of every kind, and an identity service that serves the keys and answers about tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

import attrs
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from tests.support.clock import START
from tests.support.http_server import Fault, Received, Reply

if TYPE_CHECKING:
    from collections.abc import Mapping

JSON = dict[str, Any]

ADA = UUID("0a0a0a0a-0000-4000-8000-000000000001")
"""The subject of most tokens."""
SECRET = "a secret of the identity service, long enough"
AUDIENCE = "authenticated"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()
OTHER_RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PRIVATE: Mapping[str, Any] = {"RS256": RSA_KEY, "ES256": EC_KEY, "EdDSA": ED_KEY}


def claims(**changes: Any) -> JSON:
    """Good claims, with changes; a value of None leaves a claim out."""
    now = START.timestamp()
    found: JSON = {"sub": str(ADA), "aud": AUDIENCE, "iat": now - 10, "exp": now + 600}
    return {name: value for name, value in (found | changes).items() if value is not None}


def hs256(secret: str = SECRET, **changes: Any) -> str:
    return jwt.encode(claims(**changes), secret, "HS256")


def signed(algorithm: str, *, key: Any = None, kid: str | None = "", **changes: Any) -> str:
    """Signed with the private key of this algorithm; its key id is ``<algorithm>-1`` where none is given."""
    kid = f"{algorithm}-1" if kid == "" else kid
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode(claims(**changes), key or PRIVATE[algorithm], algorithm, headers=headers)


def handmade(header: JSON, payload: JSON | None = None, secret: bytes | None = None) -> str:
    """Whatever header; signed with HMAC and any bytes, or not at all."""
    body = f"{_part(json.dumps(header).encode())}.{_part(json.dumps(payload or claims()).encode())}"
    signature = b"" if secret is None else hmac.new(secret, body.encode(), hashlib.sha256).digest()
    return f"{body}.{_part(signature)}"


def confused(kid: str = "RS256-1") -> tuple[str, ...]:
    """HS256 tokens whose secret is a public key, in the forms that it is found in."""
    public = RSA_KEY.public_key()
    forms = (
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        RSAAlgorithm.to_jwk(public).encode(),
    )
    return tuple(handmade({"alg": "HS256", "typ": "JWT", "kid": kid}, secret=form) for form in forms)


def public_keys() -> list[JSON]:
    """The key set that the identity service serves."""
    makers: Mapping[str, Any] = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}
    return [
        {"kid": f"{name}-1", "use": "sig", "alg": name, **makers[name].to_jwk(key.public_key(), as_dict=True)}
        for name, key in PRIVATE.items()
    ]


@attrs.define
class Identity:
    """An identity service that plays along, or does not."""

    keys: list[JSON] = attrs.field(factory=public_keys)
    subject: UUID | None = ADA
    """Whose every token is; None: no token is good."""
    trouble: Reply | Fault | None = None
    asked: list[Received] = attrs.field(factory=list)

    def answer(self, received: Received) -> Reply | Fault:
        self.asked.append(received)
        if self.trouble is not None:
            return self.trouble
        if received.path.endswith("/jwks.json"):
            return Reply(200, {"keys": self.keys})
        if received.path.endswith("/auth/v1/user"):
            return (
                Reply(401, {"msg": "no"}) if self.subject is None else Reply(200, {"id": str(self.subject)})
            )
        return Reply(404, {})


def _part(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
