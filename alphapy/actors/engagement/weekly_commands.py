"""``/weekly`` (spec/engagement.md 4.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from alphapy.actors.engagement.desk import Desk, require_manage_server
from alphapy.actors.engagement.messages import FEATURE
from alphapy.actors.engagement.weekly_computing import GOLD, PART, chart
from alphapy.actors.engagement.weekly_messages import ComputeWeek, Place, WeekOutcome, WhereAnnounced
from alphapy.gateway.commands import Command, Group
from alphapy.gateway.models.outgoing import Embed, OutgoingMessage

if TYPE_CHECKING:
    from alphapy.actors.effects.announcements import Drawer
    from alphapy.actors.engagement.weekly_messages import WeekReport
    from alphapy.gateway.invocation import Invocation
    from alphapy.gateway.models.outgoing import File
    from alphapy.pure.ids import GuildId

LINK_WITHIN: Final = 6.0
LINK_EVERY: Final = 0.25
"""Seconds for a post to appear, of which the reply has the link, and between two looks."""


class WeeklyCommands:
    """The handlers of ``/weekly``."""

    def __init__(self, desk: Desk, drawer: Drawer) -> None:
        self._desk = desk
        self._drawer = drawer

    def group(self) -> Group:
        """The declaration."""
        return Group(
            name="weekly",
            description="Weekly awards",
            guild_only=True,
            gated_by=FEATURE,
            children=(
                Command(
                    name="compute",
                    description="Compute the awards of the last completed week, and announce them",
                    handler=self._compute,
                ),
            ),
        )

    async def _compute(self, invocation: Invocation) -> None:
        guild_id = invocation.guild_id
        await self._desk.require_feature(invocation, PART)
        require_manage_server(invocation)
        await invocation.defer()
        report = await self._desk.ask(guild_id, ComputeWeek())
        place = report.place
        if place is None and report.outcome is WeekOutcome.POSTED:
            place = await self._wait_for_place(guild_id, report.week_id)
        picture = await self._picture(report)
        embed = Embed(
            title="🏆 Weekly awards",
            description="\n\n".join(
                (f"**{report.period} UTC**", f"{_given(report)} {_outcome(report, guild_id, place)}")
            ),
            color=GOLD,
            image=None if picture is None else f"attachment://{picture.name}",
        )
        files = () if picture is None else (picture,)
        await invocation.reply(OutgoingMessage(embeds=(embed,), files=files, ephemeral=True))

    async def _wait_for_place(self, guild_id: GuildId, week_id: int) -> Place | None:
        """Where the announcement stands, once it does; None where that takes long."""
        with trio.move_on_after(LINK_WITHIN):
            while True:
                place = await self._desk.ask(guild_id, WhereAnnounced(week_id))
                if place is not None:
                    return place
                await trio.sleep(LINK_EVERY)
        return None

    async def _picture(self, report: WeekReport) -> File | None:
        if not report.wins:
            return None
        return await chart(report.period, report.awards, report.wins).draw(self._drawer)


def _given(report: WeekReport) -> str:
    count = len(report.wins)
    return f"{count} award was given." if count == 1 else f"{count} awards were given."


def _outcome(report: WeekReport, guild_id: GuildId, place: Place | None) -> str:
    link = "" if place is None else _link(guild_id, place)
    match report.outcome:
        case WeekOutcome.POSTED if place is not None:
            return f"The announcement was posted: {link}"
        case WeekOutcome.POSTED:
            return "The announcement is on its way. If Discord refuses it, the log channel says why."
        case WeekOutcome.UNCHANGED:
            return f"Nothing has changed since the announcement: {link}"
        case WeekOutcome.UPDATED:
            return f"The announcement is updated: {link}"
        case WeekOutcome.NO_CHANNEL:
            return (
                "They are not announced, because no channel is set for that. Set one with "
                "`/engagement set_weekly_channel`."
            )
        case WeekOutcome.NO_CANDIDATES:
            return "There were no candidates, so that there is nothing to announce."


def _link(guild_id: GuildId, place: Place) -> str:
    return f"https://discord.com/channels/{guild_id}/{place.channel_id}/{place.message_id}"
