"""The service key, ``API_KEY``."""

from __future__ import annotations

import hmac
from typing import Final

import attrs

from alphapy.environment import Secret
from alphapy.web.auth.rules import Key

HEADER: Final = "X-Api-Key"


def same_text(offered: str, expected: str) -> bool:
    """Compares in a time that says nothing about where they differ."""
    return hmac.compare_digest(offered.encode(errors="surrogatepass"), expected.encode())


@attrs.frozen
class ServiceKey:
    """What callers offer is compared with it; None where none is configured."""

    secret: Secret | None

    def judge(self, offered: str | None) -> Key:
        """What an offered key is worth."""
        if self.secret is None:
            return Key.NOT_CONFIGURED
        if offered is None:
            return Key.ABSENT
        return Key.RIGHT if same_text(offered, self.secret.reveal()) else Key.WRONG
