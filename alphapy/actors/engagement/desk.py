"""What the commands of engagement have in common: who may, what is switched on, and asking the actor.

The order of checks is guild, master flag (both the framework's), feature flag, the caller's permission,
arguments (spec/engagement.md 4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import attrs

from alphapy.actors.embeds import Colour, notice
from alphapy.actors.engagement.messages import FEATURE
from alphapy.actors.kernel.address import Address
from alphapy.actors.kernel.bus import Answered
from alphapy.actors.patience import PatientBus
from alphapy.actors.settings.snapshot import SettingsReader, SettingsUnavailable
from alphapy.gateway.guilds import GuildCache
from alphapy.gateway.models.guild import Permissions
from alphapy.gateway.refusals import Refused
from alphapy.pure.clock import Clock

if TYPE_CHECKING:
    from alphapy.actors.kernel.address import Request
    from alphapy.actors.settings.snapshot import SettingsSnapshot
    from alphapy.gateway.invocation import Invocation
    from alphapy.pure.ids import GuildId

ANSWER_WITHIN: Final = 8.0
"""Seconds that the guild's actor may take; the member sees "thinking" after 1.5."""

TOGGLES: Final = {
    "challenges": "challenges",
    "weekly": "weekly",
    "badges": "badges",
    "streaks": "streaks",
    "og": "og_claims",
}
"""The flags ``<name>_enabled``, and what each is called in ``/engagement toggle``."""

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class Desk:
    """The collaborators of the handlers."""

    bus: PatientBus
    settings: SettingsReader
    guilds: GuildCache
    clock: Clock

    async def ask(self, guild_id: GuildId, request: Request[T]) -> T:
        """The answer of the guild's actor; raises Refused when there is none in time."""
        reply = await self.bus.ask(Address.guild(guild_id, FEATURE), request, within=ANSWER_WITHIN)
        if isinstance(reply, Answered):
            return reply.value
        raise refused(
            "That did not work",
            "The storage of engagement cannot be reached right now. Please try again in a moment.",
            reason=f"no answer: {reply.reason.value}",
        )

    async def snapshot(self, guild_id: GuildId) -> SettingsSnapshot:
        """The guild's settings; raises Refused while they cannot be read."""
        try:
            return await self.settings.fresh(guild_id)
        except SettingsUnavailable as error:
            raise refused(
                "That did not work",
                "The settings cannot be read right now. Please try again in a moment.",
                reason="settings unavailable",
            ) from error

    async def require_feature(self, invocation: Invocation, name: str) -> SettingsSnapshot:
        """The guild's settings; raises Refused where the flag ``<name>_enabled`` is off."""
        snapshot = await self.snapshot(invocation.guild_id)
        if not snapshot.value(FEATURE, f"{name}_enabled"):
            raise refused(
                "This is switched off here",
                "An administrator can switch it on with "
                f"`/engagement toggle feature:{TOGGLES[name]} enabled:True`.",
                reason=f"{name} disabled",
                colour=Colour.WARNING,
            )
        return snapshot


def require_manage_server(invocation: Invocation) -> None:
    """Raises Refused for whoever may not manage the guild."""
    if not invocation.permissions & (Permissions.MANAGE_GUILD | Permissions.ADMINISTRATOR):
        raise refused(
            "You are not allowed to do that",
            "You need the permission *Manage Server* for this.",
            reason="needs manage server",
        )


def refused(title: str, text: str, *, reason: str, colour: Colour = Colour.ERROR) -> Refused:
    """A refusal as an embed; ``reason`` is for the audit row."""
    return Refused(notice(colour, title, text), reason)
