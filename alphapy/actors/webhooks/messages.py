"""What may be told to the webhook intake, and what it tells itself."""

from __future__ import annotations

import attrs

from alphapy.actors.kernel.address import Address
from alphapy.pure.ids import UserId

INTAKE = Address.process("webhook_intake")
"""Who does what follows a webhook's answer."""


@attrs.frozen(kw_only=True)
class SendDirect:
    """Send somebody a direct message, if that can be done: nobody waits for it, and nobody is told.

    ``key`` tells this message from others; the same key within minutes gives one message.
    """

    user_id: UserId
    content: str
    key: str


@attrs.frozen
class KeepReceipts:
    """Begin to clean up by and by; told once, when the service starts."""


@attrs.frozen
class PruneTick:
    """To itself: it is time to delete what is too old."""
