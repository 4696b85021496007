"""What follows a reaction that claims: the role, or, once all places are taken, that it is taken back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from alphapy.actors.effects import members, moderation
from alphapy.actors.engagement.part import FEATURE
from alphapy.actors.engagement.roles import giving
from alphapy.actors.kernel.address import Address
from alphapy.actors.settings.messages import LogEntry, LogLevel
from alphapy.gateway.models.outgoing import OutgoingMessage
from alphapy.pure.engagement.badges import OG
from alphapy.pure.text import escape_markdown, neutralise_mentions

if TYPE_CHECKING:
    from alphapy.actors.engagement.og_messages import Claimant
    from alphapy.actors.engagement.part import Host
    from alphapy.storage.effects import Draft, Effect
    from alphapy.storage.engagement_og import OgSetup

PART: Final = OG

REASON: Final = "OG claim"
"""For Discord's audit log."""

TRY_FOR: Final = timedelta(days=1)
"""How long a role, and the removal of a reaction, are tried."""

_UNKNOWN_MEMBER: Final = "code 10007"


class OgEffects:
    """The effects of one guild's claims. ``place`` names what led to them, which leads to them once."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def role(self, claimant: Claimant, place: str) -> list[Draft]:
        """The role of the badge, where one is set, can be given, and is not there yet."""
        role_id = self._host.settings.snowflake(FEATURE, f"badge_role_{OG}")
        if role_id is None or role_id in claimant.roles:
            return []
        trouble = giving(self._host.guilds, self._host.guild_id, role_id, now=self._host.clock.now())
        if trouble is not None:
            self._tell_admins(f"I could not give <@{claimant.user_id}> the role for OG: {trouble}")
            return []
        return [
            moderation.on_member(
                moderation.GIVE_ROLE,
                f"og:role:{claimant.user_id}:{place}",
                claimant.user_id,
                reason=REASON,
                deadline_at=self._host.clock.now() + TRY_FOR,
                about={"part": PART},
                role_id=role_id,
            )
        ]

    def full(self, claimant: Claimant, setup: OgSetup, place: str) -> list[Draft]:
        """Take the reaction back, and tell the member; once for each message."""
        deadline = self._host.clock.now() + TRY_FOR
        note = OutgoingMessage(
            content=f"All OG places in {self._guild_name()} are taken, so I took your reaction back. Sorry!"
        )
        return [
            members.remove_reaction(
                f"og:reaction:{claimant.user_id}:{place}",
                setup.channel_id,
                setup.message_id,
                emoji=claimant.emoji,
                user_id=claimant.user_id,
                deadline_at=deadline,
                about={"part": PART},
            ),
            moderation.send_direct(
                f"og:full:{setup.message_id}:{claimant.user_id}",
                claimant.user_id,
                note,
                deadline_at=deadline,
                about={"part": PART},
            ),
        ]

    def undone(self, effect: Effect, why: str) -> None:
        """Discord refused something; of a role that a member does not have, the guild's log is told."""
        if effect.kind == moderation.GIVE_ROLE and _UNKNOWN_MEMBER not in why:
            payload = effect.payload
            self._tell_admins(
                f"Discord did not let me give <@{payload['user_id']}> the role <@&{payload['role_id']}> for "
                "OG. I need *Manage Roles*, and my role has to stand above it. The claim counts all the same."
            )

    def _guild_name(self) -> str:
        guild = self._host.guilds.get(self._host.guild_id)
        name = guild.name if guild is not None else ""
        return f"**{escape_markdown(neutralise_mentions(name))}**" if name else "this server"

    def _tell_admins(self, text: str) -> None:
        entry = LogEntry(title="⚠️ OG", description=text, level=LogLevel.WARNING, source=FEATURE)
        self._host.context.bus.tell(Address.guild(self._host.guild_id, "guild_log"), entry)
