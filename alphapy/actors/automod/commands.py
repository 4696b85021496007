"""``/automod``: the declaration of the group, and the commands about its state (spec/moderation.md 4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.actors.automod import option_defs as options
from alphapy.actors.automod import rendering
from alphapy.actors.automod.desk import Desk, refused
from alphapy.actors.automod.messages import SeesTexts
from alphapy.actors.automod.planning import can_give
from alphapy.actors.automod.reporting import inert
from alphapy.actors.automod.rule_commands import RuleCommands
from alphapy.actors.automod.watch_commands import WatchCommands
from alphapy.actors.embeds import Colour, notice
from alphapy.gateway.commands import ADMINISTRATOR, Access, Command, Group, Option, OptionKind
from alphapy.gateway.models.guild import Permissions
from alphapy.gateway.models.outgoing import Embed, EmbedField, OutgoingMessage
from alphapy.pure.automod.points import LONGEST_MINUTES, MOST_POINTS, MOST_STEPS, Escalation, Step
from alphapy.pure.automod.rules import ActionKind
from alphapy.pure.automod.ruleset import State

if TYPE_CHECKING:
    from alphapy.actors.automod.components import Components
    from alphapy.actors.settings.snapshot import SettingsSnapshot
    from alphapy.gateway.invocation import Invocation
    from alphapy.pure.automod.ruleset import RuleSet
    from alphapy.pure.ids import GuildId

_LOG_NEEDS = {
    Permissions.VIEW_CHANNEL: "View Channel",
    Permissions.SEND_MESSAGES: "Send Messages",
    Permissions.EMBED_LINKS: "Embed Links",
}
_ACTION_NEEDS = {
    ActionKind.DELETE: (Permissions.MANAGE_MESSAGES, "Manage Messages"),
    ActionKind.MUTE: (Permissions.MANAGE_ROLES, "Manage Roles"),
    ActionKind.TIMEOUT: (Permissions.MODERATE_MEMBERS, "Moderate Members"),
    ActionKind.BAN: (Permissions.BAN_MEMBERS, "Ban Members"),
}


_BLIND = (
    "I cannot read what members write: messages come without their text. Whoever runs me has to switch on "
    "*Message Content Intent* on the Bot page of the application at Discord"
)


class Commands:
    """The handlers about the module as a whole; those about rules and violations are in their own classes."""

    def __init__(self, desk: Desk, components: Components) -> None:
        self._desk = desk
        self._components = components
        self._rules = RuleCommands(desk, components)
        self._watch = WatchCommands(desk, self._rules.suggest)

    def group(self) -> Group:
        """The declaration."""
        return Group(
            name="automod",
            description="Auto-moderation: rules for what members write",
            access=Access.ADMIN,
            guild_only=True,
            default_member_permissions=ADMINISTRATOR,
            children=(*self._state_commands(), *self._rules.commands(), *self._watch.commands()),
        )

    def _state_commands(self) -> tuple[Command, ...]:
        return (
            Command(name="status", description="How it is doing", handler=self._status),
            Command(name="show", description="Show the settings", handler=self._show),
            Command(
                name="toggle",
                description="Switch it on or off",
                handler=self._toggle,
                options=(options.flag("enabled", "On or off", required=True),),
            ),
            Command(
                name="set_log_channel",
                description="Where violations are logged; nothing unsets it",
                handler=self._set_log_channel,
                options=(
                    Option(
                        kind=OptionKind.CHANNEL,
                        name="channel",
                        description="Text channel",
                        channel_types=(0, 5),
                    ),
                ),
            ),
            Command(
                name="set_warn_message",
                description="What warned members read; nothing resets it",
                handler=self._set_warn_message,
                options=(options.text("message", "The text", most=1500, least=1),),
            ),
            Command(
                name="set_mute_role",
                description="The role of muted members; nothing unsets it",
                handler=self._set_mute_role,
                options=(Option(kind=OptionKind.ROLE, name="role", description="A role below mine"),),
            ),
            Command(
                name="set_escalation",
                description="What follows at so many points; no action removes the step",
                handler=self._set_escalation,
                options=(
                    options.whole("points", "Points", 1, MOST_POINTS, required=True),
                    options.ACTION,
                    options.whole("duration_minutes", "Minutes", 1, LONGEST_MINUTES),
                ),
            ),
        )

    async def _status(self, invocation: Invocation) -> None:
        guild_id = invocation.guild_id
        settings = await self._desk.snapshot(guild_id)
        rules = await self._desk.rules(guild_id, stored=True)
        premium = await self._desk.premium.in_force(guild_id)
        enabled = sum(rule.enabled for rule in rules.rules)
        types: dict[str, int] = {}
        for rule in rules.rules:
            types[rule.rule_type] = types.get(rule.rule_type, 0) + 1
        fields = [
            EmbedField("Module", "✅ on" if settings.enabled("automod") else "⛔ off", True),
            EmbedField("Rules that are on", f"{enabled} of {len(rules.rules)}", True),
            EmbedField("Premium", "✅ yes" if premium else "❌ no", True),
            EmbedField("By type", "\n".join(f"{name}: {count}" for name, count in types.items()) or "none"),
        ]
        troubles = self._troubles(guild_id, rules, settings)
        if not await self._desk.ask(guild_id, SeesTexts()):
            troubles.insert(0, _BLIND)
        if troubles:
            fields.append(EmbedField("To look at", rendering.fitting([f"⚠️ {t}" for t in troubles], 1000)))
        embed = Embed(title="🛡️ Auto-moderation", color=Colour.INFO, fields=tuple(fields))
        await invocation.reply(OutgoingMessage(embeds=(embed,), ephemeral=True))

    def _troubles(self, guild_id: GuildId, rules: RuleSet, settings: SettingsSnapshot) -> list[str]:
        """What stands in the way of the rules."""
        states = [rules.state(rule) for rule in rules.rules]
        found = []
        for state, words in (
            (State.PAUSED, "paused for lack of premium"),
            (State.DEGRADED, "that cannot work: their type or their patterns make no sense"),
            (State.INCOMPLETE, "without an action"),
        ):
            if count := states.count(state):
                found.append(f"{count} rule{'' if count == 1 else 's'} {words}")
        actions = {rule.action for rule in rules.rules if rule.enabled and rule.action is not None}
        guild = self._desk.guilds.get(guild_id)
        if ActionKind.MUTE in actions:
            role = settings.snowflake("automod", "mute_role_id")
            if role is None or not can_give(guild, self._desk.guilds.me, role):
                found.append("a rule mutes, but there is no role for it: `/automod set_mute_role`")
        channel = settings.snowflake("automod", "log_channel_id")
        if channel is None:
            found.append("no log channel: `/automod set_log_channel`")
        elif missing := self._desk.missing(guild_id, channel, _LOG_NEEDS):
            found.append(f"I cannot write to <#{channel}>: I lack {', '.join(missing)}")
        needs = dict(
            _ACTION_NEEDS[action] for action in ActionKind if action in actions & _ACTION_NEEDS.keys()
        )
        if missing := self._desk.missing(guild_id, None, needs):
            found.append(f"for the actions of your rules I lack {', '.join(missing)}")
        return found

    async def _show(self, invocation: Invocation) -> None:
        await invocation.reply(await self._components.settings_page(invocation, 0))

    async def _toggle(self, invocation: Invocation) -> None:
        enabled = invocation.options.boolean("enabled")
        await self._desk.set(invocation, "enabled", enabled)
        text = "Messages are judged from now on." if enabled else "Messages are not judged any more."
        await invocation.reply(
            notice(Colour.SUCCESS, f"Auto-moderation is {'on' if enabled else 'off'}", text)
        )

    async def _set_log_channel(self, invocation: Invocation) -> None:
        channel = invocation.options.channel("channel", None)
        if channel is None:
            await self._desk.set(invocation, "log_channel_id", None)
            await invocation.reply(notice(Colour.SUCCESS, "Saved", "Violations are logged in no channel."))
            return
        missing = self._desk.missing(invocation.guild_id, channel.id, _LOG_NEEDS)
        if missing:
            raise refused(
                "I cannot use that channel",
                f"In <#{channel.id}> I lack {', '.join(missing)}.",
                reason="no permission",
            )
        await self._desk.set(invocation, "log_channel_id", channel.id)
        await invocation.reply(notice(Colour.SUCCESS, "Saved", f"Violations are logged in <#{channel.id}>."))

    async def _set_warn_message(self, invocation: Invocation) -> None:
        message = invocation.options.text("message", None)
        if message is not None and not message.strip():
            raise refused("That cannot be saved", "A warning needs words.", reason="blank")
        settings = await self._desk.set(invocation, "warn_message", message)
        text = inert(settings.text("automod", "warn_message"), 1500)
        await invocation.reply(notice(Colour.SUCCESS, "Saved", f"Warned members read:\n> {text}"))

    async def _set_mute_role(self, invocation: Invocation) -> None:
        role = invocation.options.role("role", None)
        if role is None:
            await self._desk.set(invocation, "mute_role_id", None)
            await invocation.reply(notice(Colour.SUCCESS, "Saved", "There is no mute role any more."))
            return
        guild = self._desk.guilds.get(invocation.guild_id)
        if not can_give(guild, self._desk.guilds.me, role.id):
            raise refused(
                "I cannot give that role",
                "A mute role is below my own highest role, and not @everyone or an integration's.",
                reason="role cannot be given",
            )
        await self._desk.set(invocation, "mute_role_id", role.id)
        await invocation.reply(notice(Colour.SUCCESS, "Saved", f"Muted members get <@&{role.id}>."))

    async def _set_escalation(self, invocation: Invocation) -> None:
        points = invocation.options.integer("points")
        minutes = invocation.options.integer("duration_minutes", None)
        action = await self._desk.action(invocation, None)
        settings = await self._desk.snapshot(invocation.guild_id)
        current = Escalation.read(settings.value("automod", "escalation"))
        changed: Escalation | None
        if action is None:
            changed = current.without(points)
            if changed is None:
                raise refused("No such step", f"There is no step at {points} points.", reason="unknown step")
        elif action is ActionKind.DELETE:
            raise refused(
                "That is no step", "A step warns, mutes, times out or bans.", reason="delete is no step"
            )
        else:
            changed = current.with_step(Step(points=points, action=action, minutes=minutes))
            if len(changed.steps) > MOST_STEPS:
                raise refused(
                    "Too many steps", f"There are at most {MOST_STEPS} steps.", reason="too many steps"
                )
        await self._desk.set(invocation, "escalation", changed.to_json())
        lines = "\n".join(map(rendering.step_line, changed.steps)) or "There are no steps any more."
        await invocation.reply(notice(Colour.SUCCESS, "Escalation saved", lines))
