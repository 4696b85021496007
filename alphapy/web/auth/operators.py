"""Who may see what only operators should see.

Safe on the open internet by default: with ``API_KEY`` set, the key is asked for; without it, only a browser
on this very machine is served, and neither another website in that browser (by way of DNS rebinding) nor
somebody behind a proxy on this machine passes for it.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import attrs
from quart import request

from alphapy.environment import Secret
from alphapy.web.auth.service_key import HEADER as KEY_HEADER
from alphapy.web.auth.service_key import same_text
from alphapy.web.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from alphapy.web.sources import Sources

CHALLENGE: Final = 'Basic realm="Alphapy operators", charset="UTF-8"'
_RELAYED: Final = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via", "Cf-Connecting-Ip")

NEEDS_KEY: Final = (
    "This is for operators. Send the service key (API_KEY) as X-Api-Key, or as the password of HTTP Basic "
    "authentication with any user name."
)
NEEDS_SETTING: Final = (
    "This is for operators. Set API_KEY in the service's environment to open it from elsewhere; without a "
    "key it is served to this machine only, under http://127.0.0.1 or http://localhost."
)


@attrs.frozen(kw_only=True)
class OperatorDoor:
    """Lets operators in. ``trusted_proxies``: proxies in front of the service."""

    api_key: Secret | None
    trusted_proxies: int = 0

    def refusal(self, peer: str, header: Callable[[str], str | None]) -> ApiError | None:
        """Why somebody is not let in; None for an operator. ``peer`` is the socket's; ``header`` reads."""
        if self.api_key is None:
            if self.trusted_proxies == 0 and is_loopback(peer) and _is_direct(header):
                return None
            return ApiError(403, "forbidden", NEEDS_SETTING)
        offered = header(KEY_HEADER) or _basic_password(header("Authorization") or "")
        if offered is not None and same_text(offered, self.api_key.reveal()):
            return None
        return ApiError(401, "unauthorized", NEEDS_KEY, {"WWW-Authenticate": CHALLENGE})


def guard(sources: Sources) -> OperatorDoor:
    """The door of this service."""
    return OperatorDoor(api_key=sources.api_key, trusted_proxies=sources.trusted_proxies)


def admit(door: OperatorDoor) -> None:
    """Let the present request through, or raise ApiError."""
    client = request.scope.get("client")
    refusal = door.refusal(client[0] if client else "", request.headers.get)
    if refusal is not None:
        raise refusal


def is_loopback(peer: str) -> bool:
    """Whether an address is of this machine."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback


def _is_direct(header: Callable[[str], str | None]) -> bool:
    """Whether nobody relays the request, and it is meant for this machine by name."""
    if any(header(name) is not None for name in _RELAYED):
        return False
    try:
        host = urlsplit(f"//{header('Host') or ''}").hostname
    except ValueError:
        return False
    return host == "localhost" or (host is not None and is_loopback(host))


def _basic_password(authorization: str) -> str | None:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    _, colon, password = decoded.partition(":")
    return password if colon else None
