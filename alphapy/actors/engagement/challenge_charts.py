"""The pictures beside ``/challenge status``: a bar chart of each leaderboard, with its description.

A picture is an extra. Names that are not known are asked of Discord, for a moment; what is not there by then
is drawn as an id, and a chart that is not ready in time is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import attrs
import trio

from alphapy.actors.drawing import Drawing
from alphapy.actors.engagement import challenge_texts as texts
from alphapy.gateway.models.outgoing import Embed, File
from alphapy.gateway.rest.errors import DiscordError
from alphapy.pure.text import single_line
from alphapy.rendering.charts import GOLD, Bar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.actors.engagement.challenge_messages import Place, Standing
    from alphapy.gateway.models.user import Member
    from alphapy.pure.ids import GuildId, UserId

NAMES_WITHIN: Final = 1.5
"""Seconds for asking who the participants are."""

MOST_ASKED: Final = 10
"""Participants who are asked about."""

_PNG: Final = "image/png"


class Members(Protocol):
    """Who knows a guild's members."""

    async def member(self, guild_id: GuildId, user_id: UserId, *, within: float) -> Member:
        """One of them; raises DiscordError."""
        ...


@attrs.frozen
class Charts:
    """Draws the charts of one guild's challenges."""

    drawing: Drawing
    members: Members

    async def illustrate(
        self, guild_id: GuildId, standings: Sequence[Standing], embeds: Sequence[Embed]
    ) -> tuple[list[Embed], list[File]]:
        """The embeds of these challenges with their charts, as many as were ready in time."""
        names = await self._names(guild_id, standings)
        shown, files = list(embeds), []
        for number, (standing, embed) in enumerate(zip(standings, embeds, strict=False)):
            if not standing.top:
                continue
            file = await self._chart(standing, names)
            if file is None:
                break
            files.append(file)
            shown[number] = attrs.evolve(embed, image=f"attachment://{file.name}")
        return shown, files

    async def _chart(self, standing: Standing, names: dict[UserId, str]) -> File | None:
        challenge = standing.challenge
        places = [attrs.evolve(place, name=names.get(place.user_id, "")) for place in standing.top]
        title = f"Challenge #{challenge.id}" + (
            f": {single_line(challenge.title)}" if challenge.title else ""
        )
        picture = await self.drawing.bar_chart(title, [_bar(place, places[0]) for place in places])
        if picture is None:
            return None
        return File(
            name=f"challenge-{challenge.id}.png",
            content=picture,
            content_type=_PNG,
            description=texts.chart_description(challenge, places),
        )

    async def _names(self, guild_id: GuildId, standings: Sequence[Standing]) -> dict[UserId, str]:
        names = {place.user_id: place.name for standing in standings for place in standing.top}
        unknown = [user_id for user_id, name in names.items() if not name][:MOST_ASKED]
        if unknown:
            with trio.move_on_after(NAMES_WITHIN):
                async with trio.open_nursery() as nursery:
                    for user_id in unknown:
                        nursery.start_soon(self._ask, guild_id, user_id, names)
        return names

    async def _ask(self, guild_id: GuildId, user_id: UserId, names: dict[UserId, str]) -> None:
        try:
            member = await self.members.member(guild_id, user_id, within=NAMES_WITHIN)
        except DiscordError:
            return  # they have left, or Discord has no time
        names[user_id] = member.display_name


def _bar(place: Place, first: Place) -> Bar:
    label = texts.label(place)
    return Bar(label, place.messages, colour=GOLD) if place == first else Bar(label, place.messages)
