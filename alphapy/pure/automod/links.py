"""Links in messages: where they really lead (spec/moderation.md 5.3).

Every ``http://`` and ``https://`` counts, wherever it stands: behind the text of a Markdown link, inside
angle brackets, glued to another link. The host is what a browser would go to: what comes before ``@`` is a
user name, a backslash is a slash, ``%61`` is a letter, letters of other scripts are their punycode.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

import attrs
import idna

from alphapy.pure.automod.normalise import clean, fold, looks

if TYPE_CHECKING:
    from collections.abc import Iterable

_SCHEME = re.compile(r"https?:(?://|\\\\|/\\|\\/)[/\\]*", re.IGNORECASE)
_AUTHORITY = re.compile(r"[^\s/\\?#<>()\[\]\"'`|*]*")
_UNBROKEN = re.compile(r"\S*")
_PORT = re.compile(r":\d*$")
_TRAILING = ".,;:!?~_-"
_DOTS = str.maketrans({"\u3002": ".", "\uff0e": ".", "\uff61": "."})
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")

MAX_HOST = 253
MOST_LINKS = 100
"""Links of one message that are looked at."""


@attrs.frozen
class Link:
    """A link as it was written, at most 200 characters, and the host that it leads to."""

    url: str
    host: str


def links(text: str) -> list[Link]:
    """The links of a clean text, in order; those without a host are left out."""
    found: list[Link] = []
    for scheme in _SCHEME.finditer(text):
        authority = _AUTHORITY.match(text, scheme.end())
        host = host_of(authority[0] if authority is not None else "")
        if host:
            end = _UNBROKEN.match(text, scheme.start())
            found.append(Link((end[0] if end is not None else "")[:200], host))
            if len(found) == MOST_LINKS:
                break
    return found


def host_of(authority: str) -> str:
    """The canonical host of the part between the slashes; empty where there is none."""
    host = unquote(authority).translate(_DOTS).rpartition("@")[2]
    host = _PORT.sub("", host.rstrip(_TRAILING)).rstrip(_TRAILING)
    return ascii_host(host)


def ascii_host(host: str) -> str:
    """The host in lower case and punycode; as it is where it cannot be encoded."""
    host = clean(host).lower().strip(".")[:MAX_HOST]
    if host.isascii():
        return host
    try:
        return idna.encode(host, uts46=True).decode().lower()
    except (idna.IDNAError, UnicodeError):
        return host.casefold()


def shown_host(host: str) -> str:
    """A canonical host as people read it, with the letters that its punycode stands for."""
    if "xn--" not in host:
        return host
    try:
        return idna.decode(host)
    except (idna.IDNAError, UnicodeError):
        return host


class Domains:
    """A set of domains; each stands for itself and everything below it.

    An entry without a dot, which old rows may have, stands for every host with that label.
    """

    def __init__(self, entries: Iterable[str]) -> None:
        cleaned = [bare_domain(entry) for entry in entries]
        self._domains = frozenset(entry for entry in cleaned if "." in entry)
        self._labels = frozenset(entry for entry in cleaned if entry and "." not in entry)

    def __bool__(self) -> bool:
        return bool(self._domains or self._labels)

    def holds(self, host: str) -> bool:
        """Whether the host is one of these domains, or below one."""
        labels = host.split(".")
        return any(".".join(labels[start:]) in self._domains for start in range(len(labels))) or any(
            label in self._labels for label in labels
        )

    def holds_twin(self, host: str) -> bool:
        """Whether the host looks like one of these domains although it is another."""
        if "xn--" not in host:
            return False
        twin = looks(fold(shown_host(host)))
        return twin.isascii() and self.holds(twin)


def bare_domain(entry: str) -> str:
    """An entry of a list of domains without scheme, path, port, wildcard and ``www.``; in punycode."""
    text = entry.strip().lower()
    text = text.partition("://")[2] or text
    text = re.split(r"[/\\?#\s]", text, maxsplit=1)[0].rpartition("@")[2]
    text = _PORT.sub("", text).removeprefix("*.").lstrip(".").removeprefix("www.")
    return ascii_host(text) if text else ""


def is_domain(domain: str) -> bool:
    """Whether a bare domain can be a host name: with a dot, and of legal labels."""
    labels = domain.split(".")
    return (
        len(labels) > 1
        and len(domain) <= MAX_HOST
        and all(_LABEL.fullmatch(label) is not None for label in labels)
        and not labels[-1].isdecimal()
    )
