"""Keeps other websites from acting in an operator's name by way of the operator's browser.

A browser sends HTTP Basic credentials, and reaches this machine, on behalf of any page that it shows. So what
changes something is refused unless the browser says that the request comes from our own pages; and a form
carries a token besides, which no other page can read.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import attrs

from alphapy.environment import Secret
from alphapy.web.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable

FOREIGN: Final = (
    "This request did not come from one of this service's own pages. Open the page here, and repeat it there."
)
STALE: Final = "This page is older than the service that answers. Open it again, and repeat what you wanted."

TITLES: Final = {FOREIGN: "Not from there", STALE: "Open the page again"}
"""What a page with one of these sentences is headed."""

_OWN: Final = frozenset({"same-origin", "none"})


def refuse_other_sites(header: Callable[[str], str | None], *, trusted_proxies: int = 0) -> None:
    """Raise ApiError for a request that a page of another site has made; ``header`` reads one.

    A request of no browser at all carries neither header, and passes.
    """
    site = header("Sec-Fetch-Site")
    origin = header("Origin")
    if site is not None:
        is_own = site in _OWN
    elif origin is not None:
        host = (header("X-Forwarded-Host") if trusted_proxies else None) or header("Host") or ""
        is_own = _netloc(origin) == host.lower() != ""
    else:
        is_own = True
    if not is_own:
        raise ApiError(403, "forbidden", FOREIGN)


def _netloc(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


@attrs.frozen
class Forms:
    """The tokens of this process's forms, bound to the operators' key; a new process has new ones.

    ``session`` is the session of whoever has signed in; empty where nobody has to.
    """

    _key: Secret | None
    _salt: bytes = attrs.field(factory=lambda: secrets.token_bytes(32), repr=False)

    def token(self, session: str = "") -> str:
        """What a form carries."""
        key = "" if self._key is None else self._key.reveal()
        bound = f"console form\0{session}\0{key}"
        return hmac.new(self._salt, bound.encode(), hashlib.sha256).hexdigest()

    def check(self, offered: str | None, session: str = "") -> None:
        """Raise ApiError unless this is the token."""
        if offered is None or not hmac.compare_digest(
            offered.encode(errors="surrogatepass"), self.token(session).encode()
        ):
            raise ApiError(403, "forbidden", STALE)
