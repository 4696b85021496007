"""What follows the end of a challenge at Discord: the announcement, and the winner's roles.

It is recorded in the transaction that ends the challenge, and derived from what that writes; so it can be
derived again, and is recorded once, whatever happens in between (spec/engagement.md 5.2).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import attrs

from alphapy.actors.effects import moderation, verbs
from alphapy.actors.engagement import challenge_texts as texts
from alphapy.actors.engagement.roles import giving
from alphapy.actors.kernel.address import Address
from alphapy.actors.settings.messages import LogEntry, LogLevel
from alphapy.gateway.models.guild import Permissions
from alphapy.pure.engagement.challenges import Outcome
from alphapy.storage import engagement_challenges as storage
from alphapy.storage.effects import Draft

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.actors.engagement.part import Host
    from alphapy.pure.engagement.challenges import Ended
    from alphapy.pure.ids import ChannelId
    from alphapy.storage.effects import Effect
    from alphapy.storage.transaction import Transaction

log = logging.getLogger("alphapy.actors.engagement")

PART: Final = "challenges"

REASON: Final = "Winner of a challenge"
"""For Discord's audit log."""

_NEEDED: Final = Permissions.VIEW_CHANNEL | Permissions.SEND_MESSAGES
_UNKNOWN_MEMBER: Final = "code 10007"


class Effects:
    """The effects of one guild's challenges."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def announcement(self, ended: Ended) -> Draft | None:
        """The announcement, where there is a channel for it."""
        embeds = ended.outcome is Outcome.WINNER
        wanted = (ended.challenge.channel_id, self._system_channel())
        target = next((one for one in wanted if one is not None and self._is_postable(one, embeds)), None)
        return (
            None if target is None else self._announcement(ended, target, f"challenge:{ended.challenge.id}")
        )

    def _announcement(self, ended: Ended, channel_id: ChannelId, key: str) -> Draft:
        draft = verbs.send(
            key,
            channel_id,
            texts.announcement(ended),
            deadline_at=ended.ended_at + storage.RESUMED_FOR,
            about={"part": PART, "challenge_id": ended.challenge.id},
        )
        return attrs.evolve(draft, own_nonce=f"chal-{ended.challenge.id}")

    def roles(self, ended: Ended) -> list[Draft]:
        """The roles of the winner that can be given."""
        if ended.winner_id is None:
            return []
        settings = self._host.settings
        wanted = [
            role_id
            for key in ("challenge_winner_role_id", "badge_role_winner")
            if (role_id := settings.snowflake("engagement", key)) is not None
        ]
        return [
            moderation.on_member(
                moderation.GIVE_ROLE,
                f"challenge:{ended.challenge.id}:role:{role_id}",
                ended.winner_id,
                reason=REASON,
                deadline_at=ended.ended_at + storage.RESUMED_FOR,
                about={"part": PART, "challenge_id": ended.challenge.id},
                role_id=role_id,
            )
            for role_id in dict.fromkeys(wanted)
            if self._can_give(role_id)
        ]

    def _can_give(self, role_id: int) -> bool:
        """Whether the bot can give this role, as far as is known; where not, the guild's log is told."""
        host = self._host
        why = giving(host.guilds, host.guild_id, role_id, now=host.clock.now())
        if why is not None:
            self._tell_admins(f"I could not give the winner of a challenge the role <@&{role_id}>: {why}")
        return why is None

    def not_announced(self, challenge_id: int) -> None:
        """Tell the guild's log that there is no channel to announce a challenge in."""
        self._tell_admins(
            f"Challenge `#{challenge_id}` has ended, but I can announce it neither in its channel nor in the "
            "system channel. I need *View Channel*, *Send Messages* and *Embed Links* in one of them."
        )

    async def on_done(self, tx: Transaction, effect: Effect) -> Sequence[Draft]:
        """An announcement was posted, or a role given."""
        if effect.kind == verbs.SEND:
            await storage.announced(
                tx,
                self._host.guild_id,
                effect.payload["about"]["challenge_id"],
                at=self._host.clock.now(),
                effect_id=effect.id,
            )
        return ()

    async def on_undone(self, tx: Transaction, effect: Effect, why: str) -> Sequence[Draft]:
        """Discord refused the announcement, which then goes to the system channel, or a role."""
        challenge_id = effect.payload["about"]["challenge_id"]
        now = self._host.clock.now()
        if effect.kind != verbs.SEND:
            if _UNKNOWN_MEMBER not in why:  # a winner who has left gets no role, and that is no trouble
                self._tell_admins(
                    f"Discord did not let me give <@{effect.payload['user_id']}> the role "
                    f"<@&{effect.payload['role_id']}> for winning challenge `#{challenge_id}`."
                )
            return ()
        key, system = f"challenge:{challenge_id}:system", self._system_channel()
        if (
            now < effect.deadline_at
            and effect.event_key != key
            and system is not None
            and system != effect.payload["channel_id"]
            and self._is_postable(system, embeds=True)
        ):
            payload = {**effect.payload, "channel_id": system}
            return [
                Draft(
                    kind=verbs.SEND,
                    event_key=key,
                    payload=payload,
                    deadline_at=effect.deadline_at,
                    own_nonce=effect.nonce,
                )
            ]
        await storage.announced(tx, self._host.guild_id, challenge_id, at=now)
        self.not_announced(challenge_id)
        return ()

    def _system_channel(self) -> ChannelId | None:
        guild = self._host.guilds.get(self._host.guild_id)
        return None if guild is None else guild.system_channel_id

    def _is_postable(self, channel_id: ChannelId, embeds: bool) -> bool:
        """Whether the bot may post there, as far as is known; where nothing is known, Discord will say."""
        mine = self._host.guilds.my_permissions(self._host.guild_id, channel_id, now=self._host.clock.now())
        needed = _NEEDED | Permissions.EMBED_LINKS if embeds else _NEEDED
        return mine is None or needed in mine

    def _tell_admins(self, text: str) -> None:
        log.warning(text, extra={"event": "challenge_trouble", "guild_id": self._host.guild_id})
        entry = LogEntry(title="⚠️ Challenge", description=text, level=LogLevel.WARNING, source="engagement")
        self._host.context.bus.tell(Address.guild(self._host.guild_id, "guild_log"), entry)
