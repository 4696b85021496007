"""Keeps other websites out: the page acts as any member without a password, so only itself may drive it.

The server listens on 127.0.0.1, but a website in the same browser can send requests there too (cross-site
request forgery) or point its own name at 127.0.0.1 (DNS rebinding). So the Host must be this machine's own
name, the Origin must be the page itself, and what changes anything must be JSON, which no
foreign form can send.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
"""Sent with every answer of the page."""


def objection(headers: Mapping[str, str], *, navigation: bool = False) -> str | None:
    """Why a request must not be served, in words for its sender; None when it may be.

    ``navigation`` marks the page's own address, which a link elsewhere may lead to.
    """
    host = headers.get("Host", "")
    if _hostname(host) not in LOCAL_NAMES:
        return f"The sandbox answers on this machine only; {host or 'an absent Host'} is not its name."
    origin = headers.get("Origin")
    if origin is not None and origin.lower() != f"http://{host.lower()}":
        return f"The sandbox is driven by its own page only, not by {origin}."
    site = headers.get("Sec-Fetch-Site", "none")
    arriving = navigation and headers.get("Sec-Fetch-Mode") == "navigate"
    if site not in {"none", "same-origin"} and not arriving:
        return "The sandbox is driven by its own page only, not by another website."
    return None


def _hostname(host: str) -> str:
    """A Host header without its port: an IPv6 address keeps its brackets."""
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdecimal() else host.lower()
