"""The signature of a webhook (spec/api.md 7.8): over the raw bytes, before anything of them is understood.

The hook's secret is the first of its variables that is set. Without any, production (and strict mode) serves
no hook at all; a developer's machine takes it unsigned, with a warning.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
import logging
import re
from typing import TYPE_CHECKING, Final

import attrs

from alphapy.environment import Secret
from alphapy.web.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from alphapy.pure.clock import Clock
    from alphapy.web.auth.security import Security

log = logging.getLogger("alphapy.web.auth")

SIGNATURE: Final = "X-Webhook-Signature"
TIMESTAMP: Final = "X-Webhook-Timestamp"

WINDOW: Final = 300.0
"""Seconds by which a timestamp may differ from our clock, either way."""

_SIGNATURE: Final = re.compile(r"(?:sha256=)?([0-9a-f]{64})", re.ASCII | re.IGNORECASE)
_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}", re.ASCII)


class Proof(enum.Enum):
    """What a delivery has shown."""

    SIGNED = "signed"
    UNSIGNED = "unsigned"
    """Nothing, and nothing is asked for: no secret is set, on a developer's machine."""
    NO_SECRET = "no_secret"  # noqa: S105 - a word
    """No secret is set, and one has to be."""
    MISSING = "missing"
    """No signature, or none in the documented form."""
    WRONG = "wrong"
    UNDATED = "undated"
    """No timestamp, and one is asked for."""
    STALE = "stale"
    """The signature is right, and the timestamp too far from now."""


ACCEPTED: Final = frozenset({Proof.SIGNED, Proof.UNSIGNED})
"""The proofs that let a delivery in."""


@attrs.frozen(kw_only=True)
class Demands:
    """What a hook asks of a delivery."""

    secret: Secret | None
    secret_needed: bool
    timestamp_needed: bool


@attrs.frozen(kw_only=True)
class Delivery:
    """What came: two headers, and the body to the byte."""

    signature: str | None
    timestamp: str | None
    body: bytes = attrs.field(repr=False)


def judge(demands: Demands, delivery: Delivery, now: float) -> Proof:
    """What a delivery has shown at ``now`` (Unix seconds). Pure; compares in constant time."""
    if demands.secret is None:
        return Proof.NO_SECRET if demands.secret_needed else Proof.UNSIGNED
    found = _SIGNATURE.fullmatch((delivery.signature or "").strip())
    if found is None:
        return Proof.MISSING
    timestamp = None if delivery.timestamp is None else delivery.timestamp.strip()
    if timestamp is None and demands.timestamp_needed:
        return Proof.UNDATED
    if timestamp is not None and not _TIMESTAMP.fullmatch(timestamp):
        return Proof.WRONG
    prefix = b"" if timestamp is None else timestamp.encode() + b"."
    if not hmac.compare_digest(sign(demands.secret, prefix + delivery.body), found[1].lower()):
        return Proof.WRONG
    if timestamp is not None and abs(now - int(timestamp)) > WINDOW:
        return Proof.STALE
    return Proof.SIGNED


def sign(secret: Secret, data: bytes) -> str:
    """The signature that a sender of these bytes has to give, in lower-case hex."""
    return hmac.new(secret.reveal().encode(), data, hashlib.sha256).hexdigest()


_REFUSALS: Final[Mapping[Proof, tuple[int, str, str]]] = {
    Proof.NO_SECRET: (503, "secret_not_configured", "This webhook's secret is not set in this service."),
    Proof.MISSING: (401, "unauthorized", f"{SIGNATURE} must be the HMAC-SHA256 of the body, in hex."),
    Proof.WRONG: (401, "unauthorized", "The signature does not fit the body."),
    Proof.UNDATED: (401, "unauthorized", f"{TIMESTAMP} is needed: the time of sending, in Unix seconds."),
    Proof.STALE: (401, "stale", f"{TIMESTAMP} is more than five minutes away from now."),
}


class HookGate:
    """Lets signed deliveries in."""

    def __init__(self, security: Security, clock: Clock) -> None:
        self._security = security
        self._clock = clock
        self._warned: set[str] = set()
        """Hooks about which the log has been told; as many as there are hooks."""

    def examine(
        self,
        variables: Sequence[str],
        header: Callable[[str], str | None],
        body: bytes,
        *,
        signature_headers: Sequence[str] = (SIGNATURE,),
    ) -> Proof:
        """What a delivery to the hook with these secrets (by variable) has shown. Changes nothing."""
        signatures = (header(name) for name in signature_headers)
        delivery = Delivery(
            signature=next((found for found in signatures if found is not None), None),
            timestamp=header(TIMESTAMP),
            body=body,
        )
        return judge(self.demands(variables), delivery, self._clock.now().timestamp())

    def demands(self, variables: Sequence[str]) -> Demands:
        """What the hook with these secrets asks for."""
        secrets = self._security.hook_secrets
        return Demands(
            secret=next((secrets[name] for name in variables if name in secrets), None),
            secret_needed=self._security.production or self._security.strict,
            timestamp_needed=self._security.hooks_need_timestamp,
        )

    def admit(self, hook: str, proof: Proof, variables: Sequence[str]) -> None:
        """Let a delivery with this proof in; raises ApiError if not. ``hook`` is the path."""
        if proof not in ACCEPTED:
            raise ApiError(*_REFUSALS[proof])
        if proof is Proof.UNSIGNED and hook not in self._warned:
            self._warned.add(hook)
            log.warning(
                "a webhook without a signature was accepted, since none of its secrets is set",
                extra={"event": "hook_unsigned", "hook": hook, "variables": ", ".join(variables)},
            )
