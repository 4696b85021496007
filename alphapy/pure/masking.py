"""Takes secrets out of text that is about to be logged, recorded or shown to an operator.

Two nets: values that are known (the configuration's), wherever they stand and in every spelling; and shapes
that only secrets have, for those that nobody told us of: an interaction's token in a URL, the password in a
database's address, a JWT, what follows ``Authorization:``. A shape never matches across a quotation mark, so
that masked JSON stays JSON.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

MASK: Final = "…"
"""What stands where a secret stood."""

SHORTEST: Final = 6
"""Known values shorter than this are not searched for: they would mask ordinary words."""

_NAMES: Final = "access_token|refresh_token|id_token|client_secret|api[_-]?key"
"""What secrets are called in forms, JSON and headers."""

_SHAPES: Final = tuple(
    re.compile(pattern, flags)
    for pattern, flags in (
        # https://docs.discord.com/developers/interactions/receiving-and-responding#endpoints
        (r"(?P<kept>/(?:webhooks|interactions)/\d{1,20}/)[^/\s?\"'\\]+", re.ASCII),
        # The password of any address: postgresql://user:password@host
        (r"(?P<kept>://[^\s:/@\"'\\]*:)[^\s@/\"'\\]+(?=@)", 0),
        (r"(?P<kept>\bpassword=)[^\s\"'\\&]+", re.IGNORECASE),
        # A JWT: three parts in base64url, of which the first begins as a JSON object does.
        (r"(?P<kept>)\beyJ[\w-]{5,}\.[\w-]+\.[\w-]*", re.ASCII),
        # A bot's token: its id in base64, a time, a signature.
        (r"(?P<kept>)\b[\w-]{23,28}\.[\w-]{6}\.[\w-]{27,}", re.ASCII),
        (r"(?P<kept>\b(?:[Bb]earer|Bot|Basic)\s+)(?=\S*[\d._=-])[\w.~+/=-]{16,}", re.ASCII),
        (rf"(?P<kept>\b(?:{_NAMES})\\?[\"']?\s*[:=]\s*\\?[\"']?)[^\s\"'\\&,}}]+", re.ASCII | re.IGNORECASE),
        (r"(?P<kept>[?&]code=)[^\s\"'\\&]+", re.ASCII),
    )
)


class Mask:
    """Replaces secrets in texts; ``secrets`` are those that are known."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        long_enough = {secret for secret in secrets if len(secret) >= SHORTEST}
        as_json = {json.dumps(secret, ensure_ascii=False)[1:-1] for secret in long_enough}
        self._known = tuple(sorted(long_enough | as_json, key=len, reverse=True))

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        for secret in self._known:
            text = text.replace(secret, MASK)
        for shape in _SHAPES:
            text = shape.sub(rf"\g<kept>{MASK}", text)
        return text
