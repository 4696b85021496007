"""Timed mutes of a guild: they end on time, come back with their member, and go when a moderator lifts them.

The rows are the truth (``automod_mutes``); memory only tells quickly whether an event matters.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from alphapy.actors.automod.planning import ACT_WITHIN
from alphapy.actors.effects import moderation
from alphapy.gateway.events import GuildMemberAdd, GuildMemberUpdate
from alphapy.pure.automod.rules import ActionKind
from alphapy.storage import automod_mutes as storage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from alphapy.pure.automod.violations import Violation
    from alphapy.pure.clock import Clock
    from alphapy.pure.ids import GuildId
    from alphapy.storage.effects import Draft, Effect
    from alphapy.storage.transaction import Transaction

GIVEN_AFTER = timedelta(minutes=1)
"""Age from which a role counts as given although nobody has said so: the process was restarted meanwhile."""


class Mutes:
    """See the module."""

    def __init__(self, guild_id: GuildId, clock: Clock) -> None:
        self._guild_id = guild_id
        self._clock = clock
        self._muted: set[int] = set()
        self._given: set[tuple[int, int]] = set()

    async def load(self, tx: Transaction) -> None:
        """Read who is muted."""
        rows = await storage.of_guild(tx, self._guild_id)
        settled = self._clock.now() - GIVEN_AFTER
        self._muted = {mute.user_id for mute in rows}
        self._given = {(mute.user_id, mute.role_id) for mute in rows if mute.created_at < settled}

    def take_new(self, violations: Iterable[Violation]) -> None:
        """These members may be muted now."""
        self._muted |= {v.user_id for v in violations if v.offence.action is not ActionKind.DELETE}

    def given(self, effect: Effect) -> None:
        """A role was given, or taken."""
        key = (effect.payload.get("user_id", 0), effect.payload.get("role_id", 0))
        if effect.kind == moderation.GIVE_ROLE:
            self._given.add(key)
        elif effect.kind == moderation.TAKE_ROLE:
            self._given.discard(key)

    def concerns(self, event: GuildMemberAdd | GuildMemberUpdate) -> bool:
        """Whether an event may matter for somebody's mute."""
        if event.user.id not in self._muted:
            return False
        return isinstance(event, GuildMemberAdd) or any(
            user_id == event.user.id and role_id not in event.roles for user_id, role_id in self._given
        )

    async def follow(
        self, tx: Transaction, events: Sequence[GuildMemberAdd | GuildMemberUpdate]
    ) -> Sequence[Draft]:
        """A muted member is back: the role, too. The role was taken by hand: the mute is over."""
        drafts: list[Draft] = []
        mutes = await storage.of_guild(tx, self._guild_id)
        now = self._clock.now()
        for event in events:
            for mute in [one for one in mutes if one.user_id == event.user.id and one.expires_at > now]:
                if isinstance(event, GuildMemberAdd):
                    drafts.append(self._role(moderation.GIVE_ROLE, mute.user_id, mute.role_id, "still muted"))
                elif mute.role_id not in event.roles and (mute.user_id, mute.role_id) in self._given:
                    await storage.end(tx, self._guild_id, mute.user_id, mute.role_id)
        return drafts

    async def end_due(self, tx: Transaction) -> Sequence[Draft]:
        """End what is over."""
        ended = await storage.end_due(tx, self._guild_id, now=self._clock.now())
        return [
            self._role(moderation.TAKE_ROLE, user_id, role_id, "the mute is over")
            for user_id, role_id in ended
        ]

    def _role(self, kind: str, user_id: int, role_id: int, why: str) -> Draft:
        now = self._clock.now()
        return moderation.on_member(
            kind,
            f"{kind}:{user_id}:{role_id}:{int(now.timestamp() * 1000)}",
            user_id,
            reason=f"Auto-moderation: {why}",
            deadline_at=now + ACT_WITHIN,
            about={"step": "mute", "keys": []},
            role_id=role_id,
        )
