"""``/invites``: the settings of invite tracking (spec/engagement.md 4.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from alphapy.actors.embeds import Colour, notice
from alphapy.actors.invites.messages import FEATURE, Look
from alphapy.actors.kernel.address import Address
from alphapy.actors.kernel.bus import Answered, Bus
from alphapy.actors.patience import PatientBus
from alphapy.actors.settings import record
from alphapy.actors.settings.definitions import TEMPLATE_LIMIT
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
from alphapy.pure.text import code

if TYPE_CHECKING:
    from alphapy.actors.settings.snapshot import SettingsSnapshot
    from alphapy.gateway.invocation import Invocation

CHANGE_WITHIN: Final = 8.0
"""Seconds that a change may take."""

_TEXT_CHANNELS = (0, 5)
_NEEDED = {Permissions.VIEW_CHANNEL: "View Channel", Permissions.SEND_MESSAGES: "Send Messages"}
_TEMPLATES = {"with": "with_inviter_template", "without": "no_inviter_template"}


@attrs.frozen(kw_only=True)
class SettingCommands:
    """The handlers."""

    bus: Bus
    patient: PatientBus
    settings: SettingsReader
    guilds: GuildCache
    clock: Clock

    def group(self) -> Group:
        """The declaration."""
        return Group(
            name="invites",
            description="Invite tracking: who invited whom",
            access=Access.ADMIN,
            guild_only=True,
            default_member_permissions=ADMINISTRATOR,
            children=(
                Command(name="show", description="Show the settings", handler=self._show, changes=False),
                Command(
                    name="toggle",
                    description="Switch invite tracking on or off",
                    handler=self._toggle,
                    options=(
                        Option(
                            kind=OptionKind.BOOLEAN, name="enabled", description="On or off", required=True
                        ),
                    ),
                ),
                Command(
                    name="set_channel",
                    description="Where joins are announced; leave out the channel to announce none",
                    handler=self._set_channel,
                    options=(
                        Option(
                            kind=OptionKind.CHANNEL,
                            name="channel",
                            description="A text or announcement channel",
                            channel_types=_TEXT_CHANNELS,
                        ),
                    ),
                ),
                self._template_command(),
            ),
        )

    def _template_command(self) -> Command:
        return Command(
            name="set_template",
            description="What is said about a join; leave out the template to go back to the default",
            handler=self._set_template,
            options=(
                Option(
                    kind=OptionKind.STRING,
                    name="variant",
                    description="Which text",
                    required=True,
                    choices=(
                        Choice(name="With inviter", value="with"),
                        Choice(name="Without inviter", value="without"),
                    ),
                ),
                Option(
                    kind=OptionKind.STRING,
                    name="template",
                    description="May hold {member}, {member_name}, {inviter}, {inviter_name}, {count}",
                    max_length=TEMPLATE_LIMIT,
                ),
            ),
        )

    async def _show(self, invocation: Invocation) -> None:
        try:
            snapshot = await self.settings.fresh(invocation.guild_id)
        except SettingsUnavailable as error:
            raise DatabaseAway from error
        embed = scope_embed(FEATURE, snapshot, self.guilds.get(invocation.guild_id))
        await invocation.reply(OutgoingMessage(embeds=(embed,), ephemeral=True))

    async def _toggle(self, invocation: Invocation) -> None:
        enabled = invocation.options.boolean("enabled")
        _, changed = await self._change(invocation, "enabled", enabled)
        text = "Joins are counted from now on." if enabled else "Joins are not counted any more."
        trouble = enabled and self._missing(invocation, None, {Permissions.MANAGE_GUILD: "Manage Server"})
        if trouble:
            text += (
                "\n⚠️ I lack *Manage Server*, without which Discord does not tell me how often invites were "
                "used: nobody is credited."
            )
        if changed and enabled:
            # Whoever joined while it was off is nobody's.
            self.bus.tell(Address.guild(invocation.guild_id, FEATURE), Look(credits=False))
        await invocation.reply(
            notice(
                Colour.WARNING if trouble else Colour.SUCCESS,
                f"Invite tracking is {'on' if enabled else 'off'}",
                text,
            )
        )

    async def _set_channel(self, invocation: Invocation) -> None:
        channel = invocation.options.channel("channel", None)
        await self._change(invocation, "announcement_channel_id", None if channel is None else channel.id)
        if channel is None:
            text, missing = "Joins are announced in no channel. They are counted all the same.", []
        else:
            text = f"Joins are announced in <#{channel.id}>."
            missing = self._missing(invocation, channel.id, _NEEDED)
        if missing:
            text += f"\n⚠️ I cannot use that channel yet: I lack {', '.join(missing)} there."
        await invocation.reply(notice(Colour.WARNING if missing else Colour.SUCCESS, "Setting saved", text))

    async def _set_template(self, invocation: Invocation) -> None:
        key = _TEMPLATES[invocation.options.text("variant")]
        snapshot, _ = await self._change(invocation, key, invocation.options.text("template", None))
        definition = snapshot.registry.definition(FEATURE, key)
        now = shown(definition, snapshot.value(FEATURE, key), self.guilds.get(invocation.guild_id))
        back = "" if snapshot.is_overridden(definition) else "back to its default: "
        text = f"{code(definition.name)} is {back}{now}"
        await invocation.reply(notice(Colour.SUCCESS, "Setting saved", text))

    async def _change(self, invocation: Invocation, key: str, value: Any) -> tuple[SettingsSnapshot, bool]:
        """Set a key, or clear it with None, and record it; returns whether that changed something."""
        reply = await self.patient.ask(
            Address.guild(invocation.guild_id, "settings"),
            ChangeSetting(scope=FEATURE, key=key, value=value, actor_id=invocation.user_id),
            within=CHANGE_WITHIN,
        )
        if not isinstance(reply, Answered):
            raise Refused(
                "The setting could not be saved. Please try again later.", f"not saved: {reply.reason.value}"
            )
        if isinstance(reply.value, Rejected):
            raise Refused(f"{code(f'{FEATURE}.{key}')} must be {reply.value.expected}.", "bad value")
        snapshot = reply.value.snapshot
        if not isinstance(reply.value, Changed):
            return snapshot, False
        written = SettingWritten(
            scope=FEATURE,
            key=key,
            old=reply.value.old,
            new=snapshot.value(FEATURE, key),
            is_reset=not snapshot.is_overridden(snapshot.registry.definition(FEATURE, key)),
        )
        self.bus.tell(
            Address.guild(invocation.guild_id, "guild_log"),
            record.audit((written,), snapshot.registry, invocation.user_id),
        )
        return snapshot, True

    def _missing(
        self, invocation: Invocation, channel_id: int | None, needed: dict[Permissions, str]
    ) -> list[str]:
        """The names of the permissions that the bot lacks; none where that is not known."""
        channel = None if channel_id is None else ChannelId(channel_id)
        mine = self.guilds.my_permissions(invocation.guild_id, channel, now=self.clock.now())
        return [] if mine is None else [name for bit, name in needed.items() if bit not in mine]
