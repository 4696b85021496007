"""The signature of a webhook: what is signed, how it is written, when it is too old, what is missing."""

from __future__ import annotations

import hashlib
import hmac
import logging
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.environment import Secret
from alphapy.web.auth.hooks import ACCEPTED, Delivery, Demands, HookGate, Proof, judge, sign
from alphapy.web.auth.security import Security
from alphapy.web.errors import ApiError
from tests.support.clock import START, FakeClock

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRET = Secret("the sender's secret, ümlaut and all")
BODY = b'{"user_id": "42"}'
NOW = START.timestamp()
CHAIN = ("FOUNDER_WEBHOOK_SECRET", "APP_REFLECTIONS_WEBHOOK_SECRET")


def proof(
    signature: str | None,
    *,
    body: bytes = BODY,
    timestamp: str | None = None,
    now: float = NOW,
    **changes: Any,
) -> Proof:
    demands: dict[str, Any] = {"secret": SECRET, "secret_needed": True, "timestamp_needed": False}
    return judge(
        Demands(**demands | changes), Delivery(signature=signature, timestamp=timestamp, body=body), now
    )


def hexed(data: bytes, secret: Secret = SECRET) -> str:
    return hmac.new(secret.reveal().encode(), data, hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    "written",
    [
        hexed(BODY),
        hexed(BODY).upper(),
        f"sha256={hexed(BODY)}",
        f"SHA256={hexed(BODY).upper()}",
        f"  sHa256={hexed(BODY)}  ",
    ],
)
def test_a_right_signature_however_it_is_written(written: str) -> None:
    assert proof(written) is Proof.SIGNED


@pytest.mark.parametrize(
    ("written", "found"),
    [
        (None, Proof.MISSING),
        ("", Proof.MISSING),
        ("sha256=", Proof.MISSING),
        ("é" * 64, Proof.MISSING),
        ("\N{FULLWIDTH DIGIT ONE}" * 64, Proof.MISSING),
        (hexed(BODY)[:-1], Proof.MISSING),
        (f"sha512={hexed(BODY)}", Proof.MISSING),
        (f"{hexed(BODY)} {hexed(BODY)}", Proof.MISSING),
        ("0" * 64, Proof.WRONG),
        (hexed(BODY, Secret("another")), Proof.WRONG),
        (hexed(BODY.decode().replace(" ", "").encode()), Proof.WRONG),
    ],
)
def test_what_is_no_signature_of_these_bytes(written: str | None, found: Proof) -> None:
    assert proof(written) is found
    assert found not in ACCEPTED


@given(st.binary(max_size=60), st.data())
def test_every_byte_of_the_body_counts(body: bytes, data: st.DataObject) -> None:
    signature = sign(SECRET, body)
    assert proof(signature, body=body) is Proof.SIGNED
    place = data.draw(st.integers(0, len(body)))
    other = body[:place] + data.draw(st.binary(min_size=1, max_size=2)) + body[place:]
    assert proof(signature, body=other) is Proof.WRONG


@pytest.mark.parametrize(
    ("age", "found"),
    [(0, Proof.SIGNED), (300, Proof.SIGNED), (-300, Proof.SIGNED), (301, Proof.STALE), (-301, Proof.STALE)],
)
def test_a_timestamp_is_signed_and_bounds_the_age(age: int, found: Proof) -> None:
    stamp = str(int(NOW) - age)
    assert proof(hexed(f"{stamp}.".encode() + BODY), timestamp=f" {stamp} ") is found


def test_a_timestamp_cannot_be_added_exchanged_or_taken_away() -> None:
    stamp, later = str(int(NOW)), str(int(NOW) + 1)
    stamped = hexed(f"{stamp}.".encode() + BODY)
    assert proof(hexed(BODY), timestamp=stamp) is Proof.WRONG
    assert proof(stamped, timestamp=later) is Proof.WRONG
    assert proof(stamped) is Proof.WRONG


@pytest.mark.parametrize("stamp", ["", "now", "-5", "1e9", "1" * 13, "12.0", "\N{FULLWIDTH DIGIT ONE}"])
def test_what_is_no_timestamp(stamp: str) -> None:
    assert proof(hexed(f"{stamp}.".encode() + BODY), timestamp=stamp) is Proof.WRONG


def test_a_stale_delivery_with_a_wrong_signature_is_just_wrong() -> None:
    assert proof("0" * 64, timestamp="1") is Proof.WRONG


def test_a_timestamp_may_be_asked_for() -> None:
    assert proof(hexed(BODY), timestamp_needed=True) is Proof.UNDATED
    stamp = str(int(NOW))
    assert proof(hexed(f"{stamp}.".encode() + BODY), timestamp=stamp, timestamp_needed=True) is Proof.SIGNED


def test_without_a_secret_nothing_helps_where_one_is_needed() -> None:
    assert proof(hexed(BODY), secret=None) is Proof.NO_SECRET
    assert proof(None, secret=None, secret_needed=False) is Proof.UNSIGNED
    assert proof("nonsense", secret=None, secret_needed=False, timestamp_needed=True) is Proof.UNSIGNED


def gate(**changes: Any) -> HookGate:
    return HookGate(Security(**changes), FakeClock())


def status(gate: HookGate, headers: Mapping[str, str], body: bytes = BODY) -> tuple[int, str]:
    try:
        gate.admit("/webhooks/founder", gate.examine(CHAIN, headers.get, body), CHAIN)
    except ApiError as error:
        return error.status, error.code
    return 200, ""


def test_the_first_secret_of_the_chain_that_is_set_counts() -> None:
    own, shared = Secret("own"), Secret("shared")
    by_own, by_shared = ({"X-Webhook-Signature": hexed(BODY, secret)} for secret in (own, shared))
    both = gate(hook_secrets={CHAIN[0]: own, CHAIN[1]: shared}, production=True)
    assert [status(both, headers)[0] for headers in (by_own, by_shared)] == [200, 401]
    fallback = gate(hook_secrets={CHAIN[1]: shared}, production=True)
    assert [status(fallback, headers)[0] for headers in (by_own, by_shared)] == [401, 200]


@pytest.mark.parametrize("changes", [{"production": True}, {"strict": True}])
def test_production_and_strict_mode_serve_no_hook_without_a_secret(changes: dict[str, bool]) -> None:
    assert status(gate(**changes), {}) == (503, "secret_not_configured")


def test_every_refusal_has_its_code() -> None:
    closed = gate(hook_secrets={CHAIN[0]: SECRET}, hooks_need_timestamp=True)
    old = str(int(NOW) - 1000)
    stale = {"X-Webhook-Timestamp": old, "X-Webhook-Signature": hexed(f"{old}.".encode() + BODY)}
    assert status(closed, {}) == (401, "unauthorized")
    assert status(closed, {"X-Webhook-Signature": hexed(BODY)}) == (401, "unauthorized")
    assert status(closed, stale) == (401, "stale")


def test_on_a_developers_machine_a_warning_names_the_variables_once(caplog: pytest.LogCaptureFixture) -> None:
    open_gate = gate()
    with caplog.at_level(logging.WARNING):
        assert [status(open_gate, {})[0] for _ in range(3)] == [200, 200, 200]
    warned = [record for record in caplog.records if record.__dict__.get("event") == "hook_unsigned"]
    assert len(warned) == 1
    assert warned[0].__dict__["variables"] == ", ".join(CHAIN)


def test_the_first_of_several_signature_headers_counts() -> None:
    several = ("supabase-signature", "x-signature")
    closed = gate(hook_secrets={CHAIN[0]: SECRET})
    headers = {"supabase-signature": "0" * 64, "x-signature": hexed(BODY)}
    assert closed.examine(CHAIN, headers.get, BODY, signature_headers=several) is Proof.WRONG
    del headers["supabase-signature"]
    assert closed.examine(CHAIN, headers.get, BODY, signature_headers=several) is Proof.SIGNED
