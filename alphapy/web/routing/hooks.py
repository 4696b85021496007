"""Which webhooks there are, and whether a delivery is signed: for its limit, before it is let in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.web.auth.caller import Access
from alphapy.web.auth.hooks import ACCEPTED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alphapy.web.auth.hooks import HookGate
    from alphapy.web.routing.message import Head
    from alphapy.web.routing.route import Route


class HookSignatures:
    """The declared webhooks, as the front sees them."""

    def __init__(self, gate: HookGate, routes: Iterable[Route]) -> None:
        self._gate = gate
        self._hooks = {route.path: route for route in routes if route.access is Access.HOOK}

    def may_accept(self, head: Head) -> bool:
        """Whether it depends on the body; False where a delivery is refused whatever it is."""
        route = self._hooks.get(head.path)
        if route is None:
            return False
        demands = self._gate.demands(route.secrets)
        if demands.secret is None:
            return not demands.secret_needed
        return any(head.header(name) is not None for name in route.signature_headers)

    def accepts(self, head: Head, body: bytes) -> bool:
        """Whether a delivery is signed as it should be, or need not be."""
        route = self._hooks[head.path]
        proof = self._gate.examine(
            route.secrets, head.header, body, signature_headers=route.signature_headers
        )
        return proof in ACCEPTED
