"""What the handlers of ``/automod`` and of the dashboard have in common: asking the actor, and saying no."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from alphapy.actors.automod.messages import FEATURE, ReadRules
from alphapy.actors.embeds import Colour, notice
from alphapy.actors.kernel.address import Address
from alphapy.actors.kernel.bus import Answered, Bus
from alphapy.actors.premium import PremiumBook
from alphapy.actors.settings.messages import Changed, ChangeSetting, ConfigAudit, Rejected
from alphapy.actors.settings.snapshot import SettingsReader, SettingsUnavailable
from alphapy.gateway.guilds import GuildCache
from alphapy.gateway.refusals import Refused
from alphapy.pure.automod.rules import ActionKind, action_of
from alphapy.pure.clock import Clock
from alphapy.pure.ids import ChannelId
from alphapy.pure.text import code

if TYPE_CHECKING:
    from alphapy.actors.kernel.address import Request
    from alphapy.actors.settings.snapshot import SettingsSnapshot
    from alphapy.gateway.invocation import Invocation
    from alphapy.gateway.models.guild import Permissions
    from alphapy.pure.automod.drafts import Rejected as RuleRejected
    from alphapy.pure.automod.ruleset import RuleSet
    from alphapy.pure.ids import GuildId

ANSWER_WITHIN = 8.0
"""Seconds that the guild's actor may take; the member sees "thinking" after 1.5."""

ACTIONS = ", ".join(kind.value for kind in ActionKind)

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class Desk:
    """The collaborators of the handlers."""

    bus: Bus
    settings: SettingsReader
    guilds: GuildCache
    premium: PremiumBook
    clock: Clock

    async def ask(self, guild_id: GuildId, request: Request[T]) -> T:
        """The answer of the guild's actor; raises Refused when there is none in time."""
        reply = await self.bus.ask(Address.guild(guild_id, FEATURE), request, timeout=ANSWER_WITHIN)
        if isinstance(reply, Answered):
            return reply.value
        raise refused(
            "That did not work",
            "The storage of auto-moderation cannot be reached right now. Please try again in a moment.",
            reason=f"no answer: {reply.reason.value}",
        )

    async def rules(self, guild_id: GuildId, *, stored: bool = False) -> RuleSet:
        """The guild's rules."""
        return await self.ask(guild_id, ReadRules(stored=stored))

    async def snapshot(self, guild_id: GuildId) -> SettingsSnapshot:
        """The guild's settings; raises Refused while they cannot be read."""
        try:
            return await self.settings.fresh(guild_id)
        except SettingsUnavailable as error:
            raise Refused(
                "The settings cannot be read right now. Please try again in a moment.",
                "settings unavailable",
            ) from error

    async def set(self, invocation: Invocation, key: str, value: Any) -> SettingsSnapshot:
        """Set one ``automod`` setting, or clear it with None; records the change. Raises Refused."""
        reply = await self.bus.ask(
            Address.guild(invocation.guild_id, "settings"),
            ChangeSetting(scope=FEATURE, key=key, value=value, actor_id=invocation.user_id),
            timeout=ANSWER_WITHIN,
        )
        if not isinstance(reply, Answered):
            raise Refused(
                "The setting could not be saved. Please try again later.", f"not saved: {reply.reason.value}"
            )
        if isinstance(reply.value, Rejected):
            raise refused("That cannot be saved", f"It must be {reply.value.expected}.", reason="bad value")
        if isinstance(reply.value, Changed):
            self.audit(invocation, f"{'reset' if value is None else 'changed'} {code(f'automod.{key}')}")
        return reply.value.snapshot

    async def require_premium(self, guild_id: GuildId, what: str) -> None:
        """Raises Refused where the guild has no premium."""
        if not await self.premium.granted(guild_id):
            raise refused(
                "That needs premium",
                f"{what} are part of premium, which this server does not have. See `/premium`.",
                reason="premium needed",
                colour=Colour.WARNING,
            )

    async def action(self, invocation: Invocation, default: ActionKind | None) -> ActionKind | None:
        """The action of the option ``action_type``; raises Refused for one that cannot be chosen."""
        given = invocation.options.text("action_type", None)
        if given is None:
            return default
        action = action_of(given.strip().lower())
        if action is None:
            raise refused("There is no such action", f"An action is one of: {ACTIONS}.", reason="bad action")
        if action.is_premium:
            await self.require_premium(invocation.guild_id, "Timeouts and bans")
        return action

    def audit(self, invocation: Invocation, what: str) -> None:
        """Record a change of configuration in the guild's log channel."""
        self.bus.tell(Address.guild(invocation.guild_id, "guild_log"), change_audit(invocation.user_id, what))

    def missing(self, guild_id: GuildId, channel_id: int | None, needed: dict[Permissions, str]) -> list[str]:
        """The names of the permissions that the bot lacks; none where that is not known."""
        channel = None if channel_id is None else ChannelId(channel_id)
        mine = self.guilds.my_permissions(guild_id, channel, now=self.clock.now())
        return [] if mine is None else [name for bit, name in needed.items() if bit not in mine]


def change_audit(actor_id: int, what: str) -> ConfigAudit:
    """A change of the rules, for the guild's log channel."""
    return ConfigAudit(title="🛡️ Auto-moderation changed", description=f"<@{actor_id}> {what}.")


def refused(title: str, text: str, *, reason: str, colour: Colour = Colour.ERROR) -> Refused:
    """A refusal as an embed; ``reason`` is for the audit row."""
    return Refused(notice(colour, title, text), reason)


def from_rejected(rejected: RuleRejected) -> Refused:
    """What may not be written, to the member."""
    if rejected.reason == "premium needed":
        return refused("That needs premium", rejected.text, reason=rejected.reason, colour=Colour.WARNING)
    return refused("That cannot be saved", rejected.text, reason=rejected.reason)


def no_such_rule(rule_id: int) -> Refused:
    """There is no rule of that id in this guild."""
    return refused(
        "No such rule",
        f"There is no rule with the number {code(str(rule_id))} here. `/automod rules` shows them all.",
        reason="not found",
    )
