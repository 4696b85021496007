"""The webhook intake: direct messages after a webhook's answer, and the end of receipts.

When it fails: a direct message that cannot be sent is logged and forgotten (its recipient takes none, or
Discord is away longer than the client of its interface tries); a clean-up that fails is tried again at the
next turn.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

import psycopg
from typing_extensions import override

from alphapy.actors.kernel.actor import Actor, Context
from alphapy.actors.webhooks.messages import KeepReceipts, PruneTick, SendDirect
from alphapy.gateway.models.outgoing import OutgoingMessage
from alphapy.gateway.rest.errors import DiscordError
from alphapy.pure.ids import deterministic_nonce
from alphapy.storage import webhook_receipts
from alphapy.storage.errors import StorageError

if TYPE_CHECKING:
    from alphapy.pure.clock import Clock
    from alphapy.pure.ids import ChannelId, MessageId, UserId
    from alphapy.storage.pool import Pool

log = logging.getLogger("alphapy.actors.webhooks")

COMPONENT: Final = "webhook_receipts"
KEPT: Final = timedelta(hours=24)
"""How long a receipt counts (spec/api.md 7.8)."""

BATCH: Final = 5_000
"""Receipts that one statement of the clean-up deletes."""

FIRST: Final = 60.0
EVERY: Final = 3600.0
"""Seconds until the first clean-up, and between two."""


class Discord(Protocol):
    """What is needed of Discord; every call raises DiscordError."""

    async def open_direct(self, user_id: UserId) -> ChannelId:
        """The direct message channel with somebody."""
        ...

    async def create_message(self, channel_id: ChannelId, message: OutgoingMessage) -> MessageId:
        """Send a message."""
        ...


class WebhookIntake(Actor):
    """The actor ``process/webhook_intake``."""

    def __init__(
        self, context: Context, *, pool: Pool, clock: Clock, discord: Discord, first: float = FIRST
    ) -> None:
        super().__init__(context)
        self._pool = pool
        self._clock = clock
        self._discord = discord
        self._first = first
        self._is_pruning = False

    @override
    async def load(self) -> None:
        self.context.tell_after(self._first, PruneTick())

    @override
    async def handle(self, message: object) -> object:
        match message:
            case SendDirect():
                if not self.context.start(self._send, message):
                    self.context.tell_after(1.0, message)
            case PruneTick():
                self.context.tell_after(EVERY, PruneTick())
                self._is_pruning = self._is_pruning or self.context.start(self._prune)
            case KeepReceipts():
                pass  # being told anything has started this actor, and load() has set the clean-up going
            case _:
                return await super().handle(message)
        return None

    async def _send(self, message: SendDirect) -> None:
        nonce = deterministic_nonce("direct", message.user_id, message.key)
        try:
            channel_id = await self._discord.open_direct(message.user_id)
            await self._discord.create_message(
                channel_id, OutgoingMessage(content=message.content, nonce=nonce)
            )
        except DiscordError as error:
            log.info(
                "a direct message could not be sent",
                extra={"event": "direct_not_sent", "user_id": message.user_id, "error": str(error)},
            )

    async def _prune(self) -> None:
        instant = self._clock.now() - KEPT
        try:
            found = BATCH
            while found == BATCH:
                found = await self._pool.run(
                    COMPONENT,
                    lambda tx: webhook_receipts.delete_before(tx, instant, limit=BATCH),
                    idempotent=True,
                )
        except (StorageError, psycopg.Error) as error:
            log.warning(
                "the receipts of webhooks could not be cleaned up; it is tried again at the next turn",
                extra={"event": "receipts_prune_failed", "error": str(error)},
            )
        finally:
            self._is_pruning = False
