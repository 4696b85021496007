"""``/system`` and ``/config scopes`` (spec/settings.md 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from alphapy.actors.embeds import Colour, notice
from alphapy.actors.kernel.address import Address
from alphapy.actors.kernel.bus import Answered, Bus
from alphapy.actors.patience import PatientBus
from alphapy.actors.settings import record
from alphapy.actors.settings.messages import Changed, ChangeSetting, Rejected, SettingWritten
from alphapy.actors.settings.rendering import scope_embed, shown
from alphapy.actors.settings.snapshot import SettingsReader, SettingsUnavailable
from alphapy.gateway.commands import ADMINISTRATOR, Access, Choice, Command, Group, Option, OptionKind
from alphapy.gateway.guilds import GuildCache
from alphapy.gateway.models.guild import Permissions
from alphapy.gateway.models.outgoing import OutgoingMessage
from alphapy.gateway.refusals import DatabaseAway, Refused
from alphapy.pure.clock import Clock
from alphapy.pure.ids import ChannelId
from alphapy.pure.settings import SettingsRegistry
from alphapy.pure.text import code

if TYPE_CHECKING:
    from alphapy.actors.settings.snapshot import SettingsSnapshot
    from alphapy.gateway.invocation import Invocation
    from alphapy.pure.settings import SettingDef

CHANGE_WITHIN = 8.0
"""Seconds that a change may take."""

_TEXT_CHANNELS = (0, 5)
_NEEDED = {
    Permissions.VIEW_CHANNEL: "View Channel",
    Permissions.SEND_MESSAGES: "Send Messages",
    Permissions.EMBED_LINKS: "Embed Links",
}


@attrs.frozen
class SettingsCommands:
    """The handlers."""

    _bus: Bus
    _settings: SettingsReader
    _registry: SettingsRegistry
    _guilds: GuildCache
    _clock: Clock
    _patient: PatientBus

    def groups(self) -> tuple[Group, ...]:
        """The declarations."""
        system = Group(
            name="system",
            description="Settings of the whole server",
            access=Access.ADMIN,
            guild_only=True,
            default_member_permissions=ADMINISTRATOR,
            children=(
                Command(
                    name="show", description="Show these settings", handler=self._show_system, changes=False
                ),
                self._channel_setter("set_log_channel", "log_channel_id", "Where changes are logged"),
                self._channel_setter("set_rules_channel", "rules_channel_id", "Where the rules are kept"),
                Command(
                    name="set_log_level",
                    description="What the log channel shows; leave out the level to go back to the default",
                    handler=self._set_log_level,
                    options=(
                        Option(
                            kind=OptionKind.STRING,
                            name="level",
                            description="Verbose shows everything",
                            choices=(
                                Choice(name="Verbose: everything", value="verbose"),
                                Choice(name="Normal: all but debug", value="normal"),
                                Choice(name="Critical: errors and configuration", value="critical"),
                            ),
                        ),
                    ),
                ),
            ),
        )
        config = Group(
            name="config",
            description="Everything that can be configured",
            access=Access.ADMIN,
            guild_only=True,
            default_member_permissions=ADMINISTRATOR,
            children=(
                Command(
                    name="scopes",
                    description="List the areas that have settings",
                    handler=self._scopes,
                    changes=False,
                ),
            ),
        )
        return (system, config)

    def _channel_setter(self, name: str, key: str, what: str) -> Command:
        async def set_channel(invocation: Invocation) -> None:
            channel = invocation.options.channel("channel", None)
            await self._change(invocation, "system", key, None if channel is None else channel.id)

        return Command(
            name=name,
            description=f"{what}; leave out the channel to unset it",
            handler=set_channel,
            options=(
                Option(
                    kind=OptionKind.CHANNEL,
                    name="channel",
                    description="A text or announcement channel",
                    channel_types=_TEXT_CHANNELS,
                ),
            ),
        )

    async def _show_system(self, invocation: Invocation) -> None:
        snapshot = await self._fresh(invocation)
        guild = self._guilds.get(invocation.guild_id)
        await invocation.reply(
            OutgoingMessage(embeds=(scope_embed("system", snapshot, guild),), ephemeral=True)
        )

    async def _scopes(self, invocation: Invocation) -> None:
        names = "\n".join(f"- {code(scope)}" for scope in self._registry.scopes())
        await invocation.reply(notice(Colour.SETTINGS, "⚙️ Areas with settings", names))

    async def _set_log_level(self, invocation: Invocation) -> None:
        level = invocation.options.text("level", None)
        await self._change(invocation, "system", "log_level", level)

    async def _fresh(self, invocation: Invocation) -> SettingsSnapshot:
        try:
            return await self._settings.fresh(invocation.guild_id)
        except SettingsUnavailable as error:
            raise DatabaseAway from error

    async def _change(self, invocation: Invocation, scope: str, key: str, value: Any) -> None:
        """Set a key, or clear it with None; answer, and record the change."""
        definition = self._registry.definition(scope, key)
        reply = await self._patient.ask(
            Address.guild(invocation.guild_id, "settings"),
            ChangeSetting(scope=scope, key=key, value=value, actor_id=invocation.user_id),
            within=CHANGE_WITHIN,
        )
        if not isinstance(reply, Answered):
            raise Refused(
                "The setting could not be saved. Please try again later.", f"not saved: {reply.reason.value}"
            )
        if isinstance(reply.value, Rejected):
            raise Refused(f"{code(definition.name)} must be {reply.value.expected}.", "bad value")
        snapshot = reply.value.snapshot
        await invocation.reply(self._answer(invocation, definition, snapshot, cleared=value is None))
        if isinstance(reply.value, Changed):
            self._audit(invocation, definition, snapshot, reply.value.old)

    def _answer(
        self, invocation: Invocation, definition: SettingDef, snapshot: SettingsSnapshot, *, cleared: bool
    ) -> OutgoingMessage:
        guild = self._guilds.get(invocation.guild_id)
        now = shown(definition, snapshot.value(definition.scope, definition.key), guild)
        text = (
            f"{code(definition.name)} is back to its default: {now}."
            if cleared
            else f"{code(definition.name)} is now {now}."
        )
        channel_id = (
            snapshot.snowflake(definition.scope, definition.key)
            if definition.key.endswith("channel_id")
            else None
        )
        missing = self._missing_permissions(invocation, channel_id)
        if missing:
            text += f"\n⚠️ I cannot use that channel yet: I lack {', '.join(missing)} there."
        return notice(Colour.WARNING if missing else Colour.SUCCESS, "Setting saved", text)

    def _missing_permissions(self, invocation: Invocation, channel_id: int | None) -> list[str]:
        if channel_id is None:
            return []
        mine = self._guilds.my_permissions(invocation.guild_id, ChannelId(channel_id), now=self._clock.now())
        if mine is None:
            return []
        return [name for permission, name in _NEEDED.items() if permission not in mine]

    def _audit(
        self, invocation: Invocation, definition: SettingDef, snapshot: SettingsSnapshot, before: Any
    ) -> None:
        written = SettingWritten(
            scope=definition.scope,
            key=definition.key,
            old=before,
            new=snapshot.value(definition.scope, definition.key),
            is_reset=not snapshot.is_overridden(definition),
        )
        self._bus.tell(
            Address.guild(invocation.guild_id, "guild_log"),
            record.audit((written,), self._registry, invocation.user_id),
        )
