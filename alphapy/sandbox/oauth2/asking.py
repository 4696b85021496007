"""What a client asks of a person, read from the query of ``/oauth2/authorize``, and what is wrong with it.

https://docs.discord.com/developers/topics/oauth2#authorization-code-grant
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import attrs

from alphapy.sandbox.oauth2.grants import SCOPES

if TYPE_CHECKING:
    from collections.abc import Mapping

LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
LONGEST = 2000
"""Characters of a redirect address, and of a state."""
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


class BadAsking(Exception):
    """A person cannot be asked this; the text says why, for a page."""


@attrs.frozen(kw_only=True)
class Asking:
    """A question that makes sense."""

    client_id: int
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str | None
    challenge: str | None

    def answered(self, **parameters: str) -> str:
        """The address that the browser is sent back to."""
        if self.state is not None:
            parameters["state"] = self.state
        joint = "&" if urlsplit(self.redirect_uri).query else "?"
        return f"{self.redirect_uri}{joint}{urlencode(parameters)}"

    @property
    def origin(self) -> str:
        """The website that the browser is sent back to."""
        parts = urlsplit(self.redirect_uri)
        return f"{parts.scheme}://{parts.netloc}"


def read(query: Mapping[str, str]) -> Asking:
    """The question in a query or a form; raises BadAsking.

    Discord wants redirect addresses to be registered; here those are that lead to this machine.
    """
    client_id, redirect_uri = query.get("client_id", ""), query.get("redirect_uri", "")
    if not (client_id.isascii() and client_id.isdecimal() and len(client_id) <= 20):
        raise BadAsking("client_id must be the id of an application.")
    if not _is_local(redirect_uri):
        raise BadAsking("Invalid OAuth2 redirect_uri: the sandbox knows addresses on this machine only.")
    if query.get("response_type") != "code":
        raise BadAsking("Only response_type=code is known here.")
    scopes = tuple(dict.fromkeys(query.get("scope", "").split()))
    if not scopes or not SCOPES.issuperset(scopes):
        raise BadAsking(f"The scope must be out of: {', '.join(sorted(SCOPES))}.")
    challenge = query.get("code_challenge")
    if challenge is not None and (
        query.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(challenge)
    ):
        raise BadAsking('Unsupported "code_challenge_method"; only S256 is known.')
    state = query.get("state")
    if state is not None and len(state) > LONGEST:
        raise BadAsking("The state is too long.")
    return Asking(
        client_id=int(client_id), redirect_uri=redirect_uri, scopes=scopes, state=state, challenge=challenge
    )


def _is_local(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return (
            parts.scheme in {"http", "https"}
            and parts.hostname in LOCAL
            and not parts.fragment
            and parts.username is None
            and len(address) <= LONGEST
        )
    except ValueError:
        return False
