"""``/badge`` (spec/engagement.md 4.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from alphapy.actors.embeds import Colour, notice
from alphapy.actors.engagement.badges import PART, GrantBadge, ReadBadges
from alphapy.actors.engagement.desk import Desk, refused
from alphapy.actors.engagement.messages import FEATURE
from alphapy.actors.engagement.roles import giving
from alphapy.gateway.commands import Command, Group, Option, OptionKind
from alphapy.gateway.models.guild import Permissions
from alphapy.gateway.models.outgoing import DESCRIPTION, Embed, OutgoingMessage
from alphapy.gateway.models.user import display_name
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.pure.engagement.badges import KEY_RULE, badge_key, lines
from alphapy.pure.ids import RoleId
from alphapy.pure.text import code, safe_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.gateway.invocation import Invocation
    from alphapy.gateway.refusals import Refused
    from alphapy.pure.ids import GuildId, UserId

_REASON: Final = "Badge granted"
_MAY_GIVE: Final = Permissions.MANAGE_ROLES | Permissions.ADMINISTRATOR
_NAME: Final = 100


class RoleGiver(Protocol):
    """Who gives roles; raises DiscordError."""

    async def give_role(self, guild_id: GuildId, user_id: UserId, role_id: RoleId, *, reason: str) -> None:
        """Give a member a role."""
        ...


class BadgeCommands:
    """The handlers."""

    def __init__(self, desk: Desk, giver: RoleGiver) -> None:
        self._desk = desk
        self._giver = giver

    def group(self) -> Group:
        """The declaration."""
        return Group(
            name="badge",
            description="Badges of members",
            guild_only=True,
            gated_by=FEATURE,
            children=(
                Command(
                    name="give",
                    description="Give a member a badge, and the role that goes with it",
                    handler=self._give,
                    options=(
                        Option(kind=OptionKind.USER, name="member", description="Who", required=True),
                        Option(
                            kind=OptionKind.STRING,
                            name="badge_key",
                            description="Which badge, for example winner",
                            required=True,
                        ),
                    ),
                ),
                Command(
                    name="list",
                    description="Show a member's badges",
                    handler=self._list,
                    options=(Option(kind=OptionKind.USER, name="member", description="Who (default: you)"),),
                    changes=False,
                ),
            ),
        )

    async def _give(self, invocation: Invocation) -> None:
        snapshot = await self._desk.require_feature(invocation, PART)
        if not invocation.permissions & _MAY_GIVE:
            raise refused(
                "You are not allowed to do that",
                "You need the permission *Manage Roles* for this.",
                reason="needs manage roles",
            )
        user = invocation.options.user("member")
        key = checked_key(invocation.options.text("badge_key"))
        if invocation.options.member("member") is None:
            raise refused(
                "They are not here", f"<@{user.id}> is not a member of this server.", reason="no member"
            )
        role_id = snapshot.snowflake(FEATURE, f"badge_role_{key}")
        with_role = role_id is not None and await self._give_role(invocation, user.id, RoleId(role_id))
        await self._desk.ask(invocation.guild_id, GrantBadge(user.id, key))
        text = f"<@{user.id}> has the badge {code(key)} now"
        if with_role:
            text += f", and the role <@&{role_id}>."
        elif role_id is not None:
            text += ". The role that goes with it does not exist any more: `/engagement set_badge_role`."
        else:
            text += "."
        await invocation.reply(notice(Colour.SUCCESS, "Badge given", text))

    async def _give_role(self, invocation: Invocation, user_id: UserId, role_id: RoleId) -> bool:
        """Give the role of a badge; False where it does not exist any more. Raises Refused."""
        guild_id = invocation.guild_id
        guild = self._desk.guilds.get(guild_id)
        if guild is None:
            raise refused(
                "Not yet",
                "Discord has not told me about this server's roles yet. Please try again in a moment.",
                reason="guild not known",
            )
        role = guild.roles.get(role_id)
        if role is None:
            return False
        mine = invocation.member.roles if invocation.member is not None else ()
        above = (
            invocation.user_id == guild.owner_id
            or Permissions.ADMINISTRATOR in invocation.permissions
            or guild.top_position(mine) > role.position
        )
        if not above:
            raise refused(
                "That role stands too high",
                f"The badge comes with <@&{role_id}>, and you can give only roles below your own highest.",
                reason="role above the caller",
            )
        trouble = giving(self._desk.guilds, guild_id, role_id, now=self._desk.clock.now())
        if trouble is not None:
            raise _not_given(role_id, trouble, reason="role cannot be given")
        await invocation.defer()
        try:
            await self._giver.give_role(guild_id, user_id, role_id, reason=_REASON)
        except DiscordError as error:
            why = (
                "Discord says that I may not: I lack *Manage Roles*, or the role stands above mine."
                if error.kind is DiscordErrorKind.FORBIDDEN
                else "Discord does not answer, or does not accept it. Please try again later."
            )
            raise _not_given(role_id, why, reason=f"role not given: {error.kind.value}") from error
        return True

    async def _list(self, invocation: Invocation) -> None:
        await self._desk.require_feature(invocation, PART)
        user = invocation.options.user("member", None)
        if user is None:
            user, nick = invocation.user, display_name(invocation.user, invocation.member)
        else:
            member = invocation.options.member("member")
            nick = (member.nick if member is not None else None) or user.display_name
        grants = await self._desk.ask(invocation.guild_id, ReadBadges(user.id))
        shown = _fitting(lines(grants)) if grants else "No badges yet."
        title = f"🎖 {safe_text(nick, _NAME) or user.username}"
        embed = Embed(title=title, description=shown, color=Colour.INFO)
        await invocation.reply(OutgoingMessage(embeds=(embed,), ephemeral=True))


def checked_key(text: str) -> str:
    """The badge key that somebody typed; raises Refused."""
    key = badge_key(text)
    if key is None:
        raise refused("That is no badge", f"The key of a badge is {KEY_RULE}.", reason="bad badge key")
    return key


def _not_given(role_id: RoleId, why: str, *, reason: str) -> Refused:
    return refused("The badge was not given", f"I could not give <@&{role_id}>: {why}", reason=reason)


def _fitting(found: Sequence[str]) -> str:
    """As many lines as an embed takes."""
    kept: list[str] = []
    room = DESCRIPTION - len("\n…")
    for line in found:
        room -= len(line) + 1
        if room < 0:
            kept.append("…")
            break
        kept.append(line)
    return "\n".join(kept)
