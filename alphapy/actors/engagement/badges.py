"""The part ``badges``: what people grant by hand, and what a member has (spec/engagement.md 4.2).

Badges that the bot grants are written by the part that grants them, in the transaction that says why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs
from typing_extensions import override

from alphapy.actors.engagement.part import NOT_MINE, Host, Part, Work
from alphapy.actors.kernel.address import Request
from alphapy.pure.engagement.badges import Grant
from alphapy.pure.ids import UserId
from alphapy.storage import engagement_badges as storage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.actors.engagement.part import Post, Row
    from alphapy.actors.feature import GatewayEvent
    from alphapy.storage.effects import Draft, Effect
    from alphapy.storage.transaction import Transaction

PART: Final = "badges"


@attrs.frozen
class GrantBadge(Request[None]):
    """Note that a person has granted a badge, perhaps not for the first time."""

    user_id: UserId
    key: str


@attrs.frozen
class ReadBadges(Request[tuple[Grant, ...]]):
    """A member's badges, the latest grant first."""

    user_id: UserId


class Badges(Part):
    """The badges of one guild; there is nothing to remember."""

    def __init__(self, host: Host) -> None:
        self._host = host

    @property
    @override
    def name(self) -> str:
        return PART

    @override
    async def handle(self, message: object) -> object:
        guild_id = self._host.guild_id
        match message:
            case GrantBadge(user_id, key):
                at = self._host.clock.now()

                async def write(tx: Transaction) -> None:
                    await storage.grant(tx, guild_id, user_id, key, source=None, at=at)

                await self._host.commit(write=write)
                return None
            case ReadBadges(user_id):
                return tuple(await self._host.read(lambda tx: storage.grants(tx, guild_id, user_id)))
            case _:
                return NOT_MINE

    @override
    async def read(self, tx: Transaction) -> object:
        return None

    @override
    def adopt(self, state: object) -> None:
        pass

    @override
    async def prepare(self, posts: Sequence[Post]) -> None:
        pass

    @override
    def count(self, posts: Sequence[Post]) -> Sequence[Row]:
        return ()

    @override
    async def on_event(self, event: GatewayEvent) -> Work | None:
        return None

    @override
    async def wake(self) -> None:
        pass

    @override
    async def on_done(self, tx: Transaction, effect: Effect) -> Sequence[Draft]:
        return ()

    @override
    async def on_undone(self, tx: Transaction, effect: Effect, why: str) -> Sequence[Draft]:
        return ()

    @override
    def forget(self, user_id: UserId) -> None:
        pass
