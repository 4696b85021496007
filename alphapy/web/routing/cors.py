"""Which websites may read our answers in their visitors' browsers (spec/api.md 7.3).

Rules: https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

Headers = tuple[tuple[bytes, bytes], ...]

PRODUCT: Final = (
    "https://app.innersync.tech",
    "https://mind.innersync.tech",
    "https://alphapy.innersync.tech",
)
"""The origins where the operator names none."""

DEVELOPMENT: Final = "http://localhost:3000"
"""Allowed as well where it is not production."""

METHODS: Final = b"GET, POST, PUT, DELETE, OPTIONS"
EXPOSED: Final = b"X-Request-ID, Retry-After, Idempotent-Replayed"
MAX_AGE: Final = b"600"
"""Seconds for which a browser may remember a preflight's answer."""

_VARY: Final = (b"vary", b"Origin")


@attrs.frozen(kw_only=True)
class Origins:
    """The websites. ``anybody``: every website, but none with its visitors' credentials."""

    allowed: frozenset[bytes]
    anybody: bool = False

    @classmethod
    def of(cls, named: Iterable[str], *, production: bool) -> Origins:
        """Those of ``ALLOWED_ORIGINS``, or else the product's."""
        allowed = tuple(named) or PRODUCT
        if not production:
            allowed += (DEVELOPMENT,)
        return cls(allowed=frozenset(origin.encode() for origin in allowed), anybody="*" in allowed)

    def headers(self, origin: bytes | None) -> Headers:
        """What every answer tells the browser; ``origin`` is the request's."""
        if origin is None or not self._admits(origin):
            return () if self.anybody else (_VARY,)
        exposed = (b"access-control-expose-headers", EXPOSED)
        if self.anybody:
            return ((b"access-control-allow-origin", b"*"), exposed)
        return (
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-credentials", b"true"),
            _VARY,
            exposed,
        )

    def preflight(self, origin: bytes, requested: bytes | None) -> Headers:
        """What the answer to a preflight adds; ``requested`` are the headers that are to be sent."""
        if not self._admits(origin):
            return ()
        found: Headers = ((b"access-control-allow-methods", METHODS), (b"access-control-max-age", MAX_AGE))
        return found if requested is None else (*found, (b"access-control-allow-headers", requested))

    def _admits(self, origin: bytes) -> bool:
        return self.anybody or origin in self.allowed
