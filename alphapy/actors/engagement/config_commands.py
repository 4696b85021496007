"""``/engagement``: its settings (spec/engagement.md 4.5). It works while engagement is off, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from alphapy.actors.embeds import Colour, notice
from alphapy.actors.engagement import config_texts as texts
from alphapy.actors.engagement.badge_commands import checked_key
from alphapy.actors.engagement.desk import ANSWER_WITHIN, TOGGLES, Desk, refused
from alphapy.actors.engagement.messages import FEATURE
from alphapy.actors.kernel.address import Address
from alphapy.actors.kernel.bus import Answered
from alphapy.actors.settings.messages import Changed, ChangeSetting, ConfigAudit, Rejected
from alphapy.gateway.commands import ADMINISTRATOR, Access, Choice, Command, Group, Option, OptionKind
from alphapy.gateway.models.guild import ChannelType, Permissions
from alphapy.gateway.models.outgoing import OutgoingMessage
from alphapy.pure.engagement.awards import BadAwards, dump_awards, parse_awards
from alphapy.pure.engagement.food import MOST_CHANNELS, parse_channels
from alphapy.pure.ids import ChannelId, RoleId
from alphapy.pure.text import code

if TYPE_CHECKING:
    from alphapy.actors.kernel.bus import Bus
    from alphapy.actors.settings.snapshot import SettingsSnapshot
    from alphapy.gateway.invocation import Invocation
    from alphapy.pure.ids import GuildId

_CHANNELS: Final = (ChannelType.TEXT, ChannelType.ANNOUNCEMENT)
_NEEDED: Final = {
    Permissions.VIEW_CHANNEL: "View Channel",
    Permissions.SEND_MESSAGES: "Send Messages",
    Permissions.EMBED_LINKS: "Embed Links",
}
_ON_OR_OFF: Final = Option(kind=OptionKind.BOOLEAN, name="enabled", description="On or off", required=True)


class ConfigCommands:
    """The handlers."""

    def __init__(self, desk: Desk, bus: Bus) -> None:
        self._desk = desk
        self._bus = bus

    def group(self) -> Group:
        """The declaration."""
        return Group(
            name="engagement",
            description="Settings of challenges, weekly awards, badges, streaks and OG claims",
            access=Access.ADMIN,
            guild_only=True,
            default_member_permissions=ADMINISTRATOR,
            children=(
                Command(name="show", description="Show the settings", handler=self._show, changes=False),
                *self._feature_commands(),
                *self._award_commands(),
                *self._og_commands(),
            ),
        )

    def _feature_commands(self) -> tuple[Command, ...]:
        return (
            Command(
                name="toggle",
                description="Switch a feature on or off",
                handler=self._toggle,
                options=(
                    Option(
                        kind=OptionKind.STRING,
                        name="feature",
                        description="Which feature",
                        required=True,
                        choices=tuple(
                            Choice(name=shown, value=f"{name}_enabled") for name, shown in TOGGLES.items()
                        ),
                    ),
                    _ON_OR_OFF,
                ),
            ),
            Command(
                name="set_challenge_winner_role",
                description="The role of a challenge's winner; nothing unsets it",
                handler=self._set_winner_role,
                options=(Option(kind=OptionKind.ROLE, name="role", description="A role below mine"),),
            ),
            Command(
                name="set_badge_role",
                description="The role that goes with a badge; no role unsets it",
                handler=self._set_badge_role,
                options=(
                    Option(
                        kind=OptionKind.STRING,
                        name="badge_key",
                        description="Which badge, for example winner",
                        required=True,
                    ),
                    Option(kind=OptionKind.ROLE, name="role", description="A role below mine"),
                ),
            ),
            Command(
                name="set_streaks_nicknames",
                description="Whether nicknames show streaks",
                handler=self._set_streaks_nicknames,
                options=(_ON_OR_OFF,),
            ),
        )

    def _award_commands(self) -> tuple[Command, ...]:
        return (
            Command(
                name="set_weekly_channel",
                description="Where weekly awards are announced; nothing unsets it",
                handler=self._set_weekly_channel,
                options=(
                    Option(
                        kind=OptionKind.CHANNEL,
                        name="channel",
                        description="A text or announcement channel",
                        channel_types=_CHANNELS,
                    ),
                ),
            ),
            Command(
                name="set_food_channels",
                description="The channels about food; nothing unsets them",
                handler=self._set_food_channels,
                options=(
                    Option(
                        kind=OptionKind.STRING,
                        name="channel_ids",
                        description="Channels or their ids, separated by commas",
                    ),
                ),
            ),
            Command(
                name="set_weekly_awards",
                description="The list of weekly awards; [] goes back to the built-in one",
                handler=self._set_weekly_awards,
                options=(
                    Option(
                        kind=OptionKind.STRING, name="json_config", description="A JSON list", required=True
                    ),
                ),
            ),
        )

    def _og_commands(self) -> tuple[Command, ...]:
        return (
            Command(
                name="set_og_cap",
                description="How many members may claim OG",
                handler=self._set_og_cap,
                options=(
                    Option(
                        kind=OptionKind.INTEGER,
                        name="cap",
                        description="How many",
                        required=True,
                        minimum=1,
                        maximum=10_000,
                    ),
                ),
            ),
            Command(
                name="set_og_text",
                description="What the OG message says; nothing goes back to the built-in text",
                handler=self._set_og_text,
                options=(
                    Option(kind=OptionKind.STRING, name="text", description="The text", max_length=2000),
                ),
            ),
        )

    # -- handlers

    async def _show(self, invocation: Invocation) -> None:
        await invocation.defer()
        snapshot = await self._desk.snapshot(invocation.guild_id)
        guild = self._desk.guilds.get(invocation.guild_id)
        await invocation.reply(
            OutgoingMessage(embeds=(texts.settings_embed(snapshot, guild),), ephemeral=True)
        )

    async def _toggle(self, invocation: Invocation) -> None:
        key, enabled = invocation.options.text("feature"), invocation.options.boolean("enabled")
        await self._set(invocation, key, enabled)
        text = f"The feature {code(TOGGLES[key.removesuffix('_enabled')])} is {'on' if enabled else 'off'}."
        await invocation.reply(notice(Colour.SUCCESS, "Saved", text))

    async def _set_winner_role(self, invocation: Invocation) -> None:
        role = invocation.options.role("role", None)
        await self._set(invocation, "challenge_winner_role_id", None if role is None else role.id)
        text = (
            "The winner of a challenge gets no role any more, unless one goes with the badge `winner`."
            if role is None
            else f"The winner of a challenge gets <@&{role.id}>."
        )
        await self._saved(invocation, text, role_id=None if role is None else role.id)

    async def _set_badge_role(self, invocation: Invocation) -> None:
        key = checked_key(invocation.options.text("badge_key"))
        role = invocation.options.role("role", None)
        await self._set(invocation, f"badge_role_{key}", None if role is None else role.id)
        text = (
            f"No role goes with the badge {code(key)}."
            if role is None
            else f"<@&{role.id}> goes with the badge {code(key)}."
        )
        await self._saved(invocation, text, role_id=None if role is None else role.id)

    async def _set_streaks_nicknames(self, invocation: Invocation) -> None:
        enabled = invocation.options.boolean("enabled")
        await self._set(invocation, "streaks_nicknames", enabled)
        if not enabled:
            text = "Nicknames do not show streaks any more. Members get their names back, one in a second."
            await invocation.reply(notice(Colour.SUCCESS, "Saved", text))
            return
        mine = self._desk.guilds.my_permissions(invocation.guild_id, now=self._desk.clock.now())
        lacks = mine is not None and Permissions.MANAGE_NICKNAMES not in mine
        warning = "\n⚠️ I cannot change nicknames yet: I lack *Manage Nicknames*." if lacks else ""
        await invocation.reply(
            notice(
                Colour.WARNING if lacks else Colour.SUCCESS,
                "Saved",
                f"The nickname of whoever writes shows their streak from now on.{warning}",
            )
        )

    async def _set_weekly_channel(self, invocation: Invocation) -> None:
        channel = invocation.options.channel("channel", None)
        await self._set(invocation, "weekly_award_channel_id", None if channel is None else channel.id)
        if channel is None:
            text, missing = "Weekly awards are announced in no channel.", []
        else:
            text, missing = (
                f"Weekly awards are announced in <#{channel.id}>.",
                self._missing(invocation, channel.id),
            )
        if missing:
            text += f"\n⚠️ I cannot use that channel yet: I lack {', '.join(missing)} there."
        await invocation.reply(notice(Colour.WARNING if missing else Colour.SUCCESS, "Saved", text))

    async def _set_food_channels(self, invocation: Invocation) -> None:
        typed = invocation.options.text("channel_ids", "")
        guild = self._desk.guilds.get(invocation.guild_id)
        found = parse_channels(typed, guild.channels if guild is not None else ())
        if found.bad:
            bad = ", ".join(code(token, 40) for token in found.bad[:20])
            raise refused(
                "These are no channels here", f"{bad}. Nothing was saved.", reason="bad food channels"
            )
        if len(found.ids) > MOST_CHANNELS:
            raise refused(
                "Too many channels",
                f"There may be at most {MOST_CHANNELS}. Nothing was saved.",
                reason="too many food channels",
            )
        await self._set(invocation, "weekly_food_channel_ids", found.stored or None)
        shown = " ".join(f"<#{channel_id}>" for channel_id in found.ids)
        text = f"These channels are about food: {shown}" if shown else "No channel is set as one about food."
        await invocation.reply(notice(Colour.SUCCESS, "Saved", text))

    async def _set_weekly_awards(self, invocation: Invocation) -> None:
        try:
            awards = parse_awards(
                invocation.options.text("json_config"),
                lambda role_id: self._role_fault(invocation.guild_id, role_id),
            )
        except BadAwards as error:
            raise refused(
                "That list cannot be used", f"{error.text} Nothing was saved.", reason="bad awards"
            ) from error
        await self._set(invocation, "weekly_award_configs", dump_awards(awards) or None)
        text = (
            "\n".join(texts.award_line(award) for award in awards)
            or "The built-in awards are given from now on."
        )
        await invocation.reply(notice(Colour.SUCCESS, "Weekly awards saved", text))

    async def _set_og_cap(self, invocation: Invocation) -> None:
        cap = invocation.options.integer("cap")
        await self._set(invocation, "og_cap", cap)
        who = "member" if cap == 1 else "members"
        text = f"{cap} {who} may claim OG. Nobody loses a claim by this."
        await invocation.reply(notice(Colour.SUCCESS, "Saved", text))

    async def _set_og_text(self, invocation: Invocation) -> None:
        typed = invocation.options.text("text", "")
        await self._set(invocation, "og_claim_text", typed if typed.strip() else None)
        text = (
            "The next `/og setup` posts your text."
            if typed.strip()
            else "The next `/og setup` posts the built-in text."
        )
        await invocation.reply(notice(Colour.SUCCESS, "Saved", text))

    # -- what they have in common

    async def _set(self, invocation: Invocation, key: str, value: Any) -> SettingsSnapshot:
        """Set one setting, or clear it with None, and have the change recorded. Raises Refused."""
        await invocation.defer()
        reply = await self._desk.bus.ask(
            Address.guild(invocation.guild_id, "settings"),
            ChangeSetting(scope=FEATURE, key=key, value=value, actor_id=invocation.user_id),
            within=ANSWER_WITHIN,
        )
        if not isinstance(reply, Answered):
            raise refused(
                "That was not saved",
                "The setting could not be saved. Please try again later.",
                reason=f"not saved: {reply.reason.value}",
            )
        if isinstance(reply.value, Rejected):
            raise refused("That cannot be saved", f"It must be {reply.value.expected}.", reason="bad value")
        snapshot = reply.value.snapshot
        if isinstance(reply.value, Changed):
            audit = ConfigAudit(
                title=f"🎉 Engagement setting {'reset' if value is None else 'updated'}",
                description=(
                    f"{code(f'{FEATURE}.{key}')} → "
                    f"{'back to its default' if value is None else texts.shown(key, value)}\n"
                    f"By <@{invocation.user_id}>"
                ),
            )
            self._bus.tell(Address.guild(invocation.guild_id, "guild_log"), audit)
        return snapshot

    async def _saved(self, invocation: Invocation, text: str, *, role_id: int | None) -> None:
        trouble = None if role_id is None else texts.role_trouble(self._desk, invocation.guild_id, role_id)
        if trouble is not None:
            text += f"\n⚠️ I cannot give that role yet: {trouble}"
        await invocation.reply(notice(Colour.SUCCESS if trouble is None else Colour.WARNING, "Saved", text))

    def _missing(self, invocation: Invocation, channel_id: int) -> list[str]:
        mine = self._desk.guilds.my_permissions(
            invocation.guild_id, ChannelId(channel_id), now=self._desk.clock.now()
        )
        return [] if mine is None else [f"*{name}*" for bit, name in _NEEDED.items() if bit not in mine]

    def _role_fault(self, guild_id: GuildId, role_id: RoleId) -> str | None:
        guild = self._desk.guilds.get(guild_id)
        role = None if guild is None else guild.roles.get(role_id)
        if role is None:
            return "does not exist in this server"
        if role.managed or int(role_id) == int(guild_id):
            return "cannot be given: it is @everyone or belongs to an integration"
        return None
