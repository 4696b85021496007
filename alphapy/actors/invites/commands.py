"""``/inviteleaderboard``, ``/setinvites`` and ``/resetinvites`` (spec/engagement.md 4.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import attrs
import psycopg
import trio

from alphapy.actors.embeds import Colour, notice
from alphapy.actors.invites.messages import FEATURE, SetCount
from alphapy.actors.kernel.address import Address
from alphapy.actors.kernel.bus import Answered
from alphapy.actors.patience import PatientBus
from alphapy.gateway.commands import Command, Option, OptionKind
from alphapy.gateway.models.guild import Permissions
from alphapy.gateway.models.outgoing import Embed, EmbedField, OutgoingMessage
from alphapy.gateway.refusals import DatabaseAway, Refused
from alphapy.gateway.rest.errors import DiscordError
from alphapy.pure.ids import UserId
from alphapy.pure.invites import MOST_COUNTED
from alphapy.pure.text import safe_text
from alphapy.storage import invites as storage
from alphapy.storage.errors import StorageError
from alphapy.storage.pool import Pool

if TYPE_CHECKING:
    from alphapy.gateway.invocation import Invocation
    from alphapy.gateway.models.user import Member
    from alphapy.pure.ids import GuildId

ROWS, DEFAULT_ROWS = 25, 10
"""Rows of the leaderboard (spec/engagement.md 8)."""

NAMES_WITHIN: Final = 2.5
"""Seconds that Discord may take to say what the leaders are called."""

ANSWER_WITHIN: Final = 10.0
"""Seconds that the guild's actor may take; it may be asking Discord for a join at the moment."""

LONGEST_NAME: Final = 200


class Members(Protocol):
    """Who knows a guild's members."""

    async def member(self, guild_id: GuildId, user_id: UserId, *, within: float) -> Member:
        """One of them; raises DiscordError."""
        ...


@attrs.frozen
class Commands:
    """The handlers."""

    _pool: Pool
    _patient: PatientBus
    _members: Members

    def commands(self) -> tuple[Command, ...]:
        """The declarations."""
        member = Option(kind=OptionKind.USER, name="member", description="Whose count", required=True)
        return (
            Command(
                name="inviteleaderboard",
                description="Show who has invited the most people",
                handler=self._leaderboard,
                guild_only=True,
                gated_by=FEATURE,
                ephemeral=False,
                changes=False,
                options=(
                    Option(
                        kind=OptionKind.INTEGER,
                        name="limit",
                        description="How many (default: 10)",
                        minimum=1,
                        maximum=ROWS,
                    ),
                ),
            ),
            Command(
                name="setinvites",
                description="Set how many people a member has invited",
                handler=self._set,
                guild_only=True,
                gated_by=FEATURE,
                ephemeral=False,
                default_member_permissions=int(Permissions.MANAGE_GUILD),
                options=(
                    member,
                    Option(
                        kind=OptionKind.INTEGER,
                        name="count",
                        description="The new count",
                        required=True,
                        minimum=0,
                        maximum=MOST_COUNTED,
                    ),
                ),
            ),
            Command(
                name="resetinvites",
                description="Set a member's invites back to 0",
                handler=self._reset,
                guild_only=True,
                gated_by=FEATURE,
                ephemeral=False,
                default_member_permissions=int(Permissions.MANAGE_GUILD),
                options=(member,),
            ),
        )

    async def _leaderboard(self, invocation: Invocation) -> None:
        guild_id = invocation.guild_id
        limit = invocation.options.integer("limit", DEFAULT_ROWS)
        try:
            leaders = await self._pool.run(
                FEATURE, lambda tx: storage.leaders(tx, guild_id, limit=limit), idempotent=True
            )
        except (StorageError, psycopg.OperationalError) as error:
            raise DatabaseAway from error
        if not leaders:
            await invocation.reply(
                notice(Colour.INFO, "Nobody has invited anybody yet", "Counting begins with the next join.")
            )
            return
        names = await self._names(guild_id, [user_id for user_id, _ in leaders])
        fields = tuple(
            EmbedField(f"{rank}. {names.get(user_id) or f'User {user_id}'}", _joins(count))
            for rank, (user_id, count) in enumerate(leaders, 1)
        )
        embed = Embed(title="🎉 Invite leaderboard", color=Colour.WARNING, fields=fields)
        await invocation.reply(OutgoingMessage(embeds=(embed,)))

    async def _names(self, guild_id: GuildId, user_ids: list[int]) -> dict[int, str]:
        """What those are called who are still here, as far as Discord says so in time."""
        names: dict[int, str] = {}

        async def look_up(user_id: int) -> None:
            try:
                member = await self._members.member(guild_id, UserId(user_id), within=NAMES_WITHIN)
            except DiscordError:
                return
            names[user_id] = safe_text(member.display_name, LONGEST_NAME)

        with trio.move_on_after(NAMES_WITHIN):
            async with trio.open_nursery() as nursery:
                for user_id in user_ids:
                    nursery.start_soon(look_up, user_id)
        return names

    async def _set(self, invocation: Invocation) -> None:
        _require_manager(invocation)
        await self._store(invocation, invocation.options.integer("count"))

    async def _reset(self, invocation: Invocation) -> None:
        _require_manager(invocation)
        await self._store(invocation, 0)

    async def _store(self, invocation: Invocation, count: int) -> None:
        user_id = invocation.options.user("member").id
        reply = await self._patient.ask(
            Address.guild(invocation.guild_id, FEATURE), SetCount(user_id, count), within=ANSWER_WITHIN
        )
        if not isinstance(reply, Answered):
            raise Refused(
                "The count could not be saved. Please try again later.", f"not saved: {reply.reason.value}"
            )
        text = f"<@{user_id}> now has {_joins(count)}."
        embed = Embed(title="Invites saved", description=text, color=Colour.SUCCESS)
        await invocation.reply(OutgoingMessage(embeds=(embed,)))


def _require_manager(invocation: Invocation) -> None:
    """Raises Refused for members without Manage Server."""
    if not invocation.permissions & (Permissions.MANAGE_GUILD | Permissions.ADMINISTRATOR):
        raise Refused("You need the permission *Manage Server* for this.", "needs Manage Server")


def _joins(count: int) -> str:
    return f"{count:,} invite{'' if count == 1 else 's'}"
