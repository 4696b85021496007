"""Tokens: which way they are verified, what signatures hold, what claims are good."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from alphapy.environment import Secret
from alphapy.web.auth import tokens
from alphapy.web.auth.security import IdentityService
from alphapy.web.auth.tokens import Claims, Method
from tests.support.clock import START
from tests.web.auth import minting
from tests.web.auth.minting import ADA, claims, confused, handmade, hs256, public_keys, signed

NOW = START.timestamp()
KEYS = {key["alg"]: key for key in public_keys()}
SERVICE = "https://id.test"


@pytest.mark.parametrize(
    ("header", "token"),
    [
        (None, None),
        ("", None),
        ("Bearer", None),
        ("bearer ", None),
        ("Bearer abc", "abc"),
        ("bEARER   abc ", "abc"),
        (" abc ", "abc"),
        ("Basic abc", None),
        ("Bot abc", None),
    ],
)
def test_where_a_token_is_found(header: str | None, token: str | None) -> None:
    assert tokens.offered_token(header) == token


def identity(**changes: Any) -> IdentityService:
    return IdentityService(**changes)


@pytest.mark.parametrize(
    ("algorithm", "configured", "method"),
    [
        ("HS256", identity(jwt_secret=Secret("s")), Method.SECRET),
        ("HS256", identity(url=SERVICE, jwks_url=SERVICE), Method.NONE),
        ("HS256", identity(url=SERVICE, anon_key=Secret("k"), jwks_url=SERVICE), Method.INTROSPECTION),
        ("RS256", identity(jwks_url=SERVICE, jwt_secret=Secret("s")), Method.PUBLIC_KEY),
        ("ES256", identity(jwks_url=SERVICE), Method.PUBLIC_KEY),
        ("EdDSA", identity(jwks_url=SERVICE), Method.PUBLIC_KEY),
        ("RS256", identity(jwt_secret=Secret("s")), Method.NONE),
        ("RS256", identity(url=SERVICE, anon_key=Secret("k")), Method.INTROSPECTION),
        ("RS256", identity(anon_key=Secret("k")), Method.NONE),
    ],
)
def test_the_algorithm_decides_the_method(
    algorithm: str, configured: IdentityService, method: Method
) -> None:
    assert tokens.method_of(algorithm, configured) is method


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "NONE", "", "HS384", "HS512", "PS256", "ES256K", "hs256"]
)
def test_other_algorithms_are_invalid_whatever_is_configured(algorithm: str) -> None:
    everything = identity(url=SERVICE, anon_key=Secret("k"), jwt_secret=Secret("s"), jwks_url=SERVICE)
    assert tokens.method_of(algorithm, everything) is Method.NONE


def test_a_signature_with_the_secret() -> None:
    assert tokens.verify_with_secret(hs256(), minting.SECRET) == claims()
    assert tokens.verify_with_secret(hs256(), minting.SECRET + "x") is None
    assert tokens.verify_with_secret(hs256()[:-4] + "AAAA", minting.SECRET) is None


def test_a_short_secret_works_and_is_quiet() -> None:
    token = handmade({"alg": "HS256"}, secret=b"short")
    assert tokens.verify_with_secret(token, "short") == claims()
    assert tokens.verify_with_secret(token, "shorT") is None


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_signature_with_a_private_key(algorithm: str) -> None:
    assert tokens.verify_with_key(signed(algorithm), KEYS[algorithm], algorithm) == claims()
    assert tokens.verify_with_key(signed(algorithm)[:-9] + "AAAAAAAAA", KEYS[algorithm], algorithm) is None


def test_the_signature_of_somebody_else() -> None:
    token = signed("RS256", key=minting.OTHER_RSA_KEY)
    assert tokens.verify_with_key(token, KEYS["RS256"], "RS256") is None


@pytest.mark.parametrize("token", confused())
def test_a_public_key_is_never_a_secret(token: str) -> None:
    """The classical confusion: HS256 with the public key, which everybody knows, as the secret."""
    for key in KEYS.values():
        for algorithm in ("HS256", key["alg"]):
            assert tokens.verify_with_key(token, key, algorithm) is None
    assert tokens.verify_with_secret(token, minting.SECRET) is None


def test_a_symmetric_key_in_a_key_set_is_no_key() -> None:
    secret = {"kty": "oct", "kid": "RS256-1", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}
    for algorithm in ("HS256", "RS256", "ES256", "EdDSA", "none"):
        assert not tokens.fits(secret, algorithm)


@pytest.mark.parametrize("algorithm", KEYS)
@pytest.mark.parametrize(
    "change", [{"use": "enc"}, {"alg": "PS256"}, {"key_ops": ["sign"]}, {"key_ops": "verify"}]
)
def test_a_key_that_is_for_something_else(algorithm: str, change: dict[str, Any]) -> None:
    assert tokens.verify_with_key(signed(algorithm), KEYS[algorithm] | change, algorithm) is None


def test_a_key_of_another_type_or_curve_or_size() -> None:
    for algorithm, key in KEYS.items():
        for other in KEYS.keys() - {algorithm}:
            assert not tokens.fits(key, other)
    p384 = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()).public_key(), as_dict=True)
    ed448_key = OKPAlgorithm.to_jwk(ed448.Ed448PrivateKey.generate().public_key(), as_dict=True)
    assert not tokens.fits(p384, "ES256")
    assert not tokens.fits(ed448_key, "EdDSA")
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - that is the point
    jwk = RSAAlgorithm.to_jwk(small.public_key(), as_dict=True)
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        token = signed("RS256", key=small)
    assert tokens.verify_with_key(token, jwk, "RS256") is None
    assert not tokens.fits(KEYS["RS256"] | {"n": "A" * 1401}, "RS256")
    assert not tokens.fits(KEYS["RS256"] | {"d": "AQAB"}, "RS256")


@pytest.mark.parametrize(
    "key", [{"kty": "RSA"}, {"kty": "RSA", "n": "!", "e": "AQAB"}, {"kty": "RSA", "n": 5, "e": 3}]
)
def test_a_broken_key(key: dict[str, Any]) -> None:
    assert tokens.verify_with_key(signed("RS256"), key, "RS256") is None


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b",
        "a.b.c",
        "é" * 20,
        "x" * 9000,
        hs256() + ".x",
        handmade({"typ": "JWT"}),
        handmade({"alg": 5}),
        handmade({"alg": "HS256", "crit": ["exp"], "exp": 1}),
        handmade({"alg": "HS256", "b64": False}),
        handmade({"alg": "HS256", "kid": 7}),
        handmade({"alg": "HS256", "kid": ""}),
        handmade({"alg": "HS256", "kid": "k" * 300}),
    ],
)
def test_what_is_no_token_of_ours(token: str) -> None:
    assert tokens.open_envelope(token) is None


def test_the_envelope() -> None:
    found = tokens.open_envelope(signed("ES256"))
    assert found == tokens.Envelope(algorithm="ES256", key_id="ES256-1", expires_at=NOW + 600)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
def test_nothing_that_is_sent_raises(text: str) -> None:
    for token in (text, f"{text}.{text}.{text}", f"eyJhbGciOiJIUzI1NiJ9.{text}."):
        tokens.open_envelope(token)
        tokens.verify_with_secret(token, minting.SECRET)


def checked(issuer: str = "", **changes: Any) -> Claims | None:
    payload = json.loads(json.dumps(claims(**changes)))
    return tokens.check_claims(payload, now=NOW, audience=minting.AUDIENCE, issuer=issuer)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"exp": NOW - 29},
        {"exp": int(NOW) + 5},
        {"nbf": NOW + 30, "iat": NOW + 30},
        {"iat": None},
        {"aud": ["other", "authenticated"]},
        {"sub": str(ADA).upper()},
    ],
)
def test_good_claims(changes: dict[str, Any]) -> None:
    found = checked(**changes)
    assert found is not None
    assert found.subject == ADA


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": None},
        {"exp": NOW - 30},
        {"exp": str(NOW + 60)},
        {"exp": True},
        {"exp": float("inf")},
        {"exp": float("nan")},
        {"exp": 10**400},
        {"nbf": NOW + 31},
        {"iat": NOW + 31},
        {"iat": "yesterday"},
        {"aud": None},
        {"aud": "anon"},
        {"aud": []},
        {"aud": ["anon"]},
        {"aud": ["authenticated", 5]},
        {"aud": "authenticated,anon"},
        {"sub": None},
        {"sub": "ada"},
        {"sub": ADA.hex},
        {"sub": f"urn:uuid:{ADA}"},
        {"sub": f"{{{ADA}}}"},
        {"sub": 5},
    ],
)
def test_bad_claims(changes: dict[str, Any]) -> None:
    assert checked(**changes) is None


def test_the_issuer_counts_where_it_is_set() -> None:
    assert checked(issuer="", iss="anybody") is not None
    assert checked(issuer="https://id.test/auth/v1", iss="https://id.test/auth/v1") is not None
    assert checked(issuer="https://id.test/auth/v1", iss="https://evil.test/auth/v1") is None
    assert checked(issuer="https://id.test/auth/v1") is None
