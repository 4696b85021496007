"""A week is computed: results, badges, and what follows at Discord, in one transaction.

What follows is derived from what is stored, so that it can be derived again: of each week at most one
announcement (a post or an edit) and one move of roles are under way, and whoever closes one looks whether it
still is what should be. So the last results win, in whatever order computations and Discord's answers come.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import attrs

from alphapy.actors.effects import announcements as verbs
from alphapy.actors.effects.announcements import Chart
from alphapy.actors.effects.roles import MOVE_ROLES, as_recorded, move_roles
from alphapy.actors.engagement.messages import FEATURE
from alphapy.actors.engagement.weekly_messages import Place, WeekOutcome, WeekReport
from alphapy.gateway.models.outgoing import Embed, OutgoingMessage
from alphapy.pure.engagement.awards import read_awards
from alphapy.pure.engagement.food import read_channels
from alphapy.pure.engagement.periods import Period, completed
from alphapy.pure.engagement.weekly import (
    CONGRATULATIONS,
    description,
    digest,
    in_words,
    role_moves,
    unit,
)
from alphapy.pure.ids import ChannelId, RoleId
from alphapy.pure.text import safe_text
from alphapy.rendering.charts import GOLD as GOLD_BAR
from alphapy.rendering.charts import Bar
from alphapy.storage import engagement_weekly as storage
from alphapy.storage.effects import Draft

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alphapy.actors.engagement.part import Host
    from alphapy.actors.settings.snapshot import SettingsSnapshot
    from alphapy.pure.engagement.awards import Award
    from alphapy.pure.engagement.weekly import RoleMove, Win
    from alphapy.storage.effects import Effect
    from alphapy.storage.engagement_weekly import Week
    from alphapy.storage.transaction import Transaction

PART: Final = "weekly"

GOLD: Final = 0xF1C40F

ANNOUNCED_WITHIN: Final = timedelta(days=7)
MOVED_WITHIN: Final = timedelta(days=6)
"""How long Discord may fail: with roles for less than a week, so that two weeks never move one at a time."""

REASON: Final = "Weekly awards"
"""For Discord's audit log."""


def food_channels(settings: SettingsSnapshot) -> frozenset[ChannelId]:
    """The guild's food channels."""
    return read_channels(settings.value(FEATURE, "weekly_food_channel_ids"))


def awards_of(settings: SettingsSnapshot) -> tuple[tuple[Award, ...], bool]:
    """The guild's awards, and whether they are its own."""
    has_food = bool(food_channels(settings))
    return read_awards(settings.value(FEATURE, "weekly_award_configs"), has_food=has_food)


def badge_roles(settings: SettingsSnapshot, awards: Sequence[Award]) -> dict[str, RoleId]:
    """The roles that are linked to the badges of these awards, by key."""
    found = {}
    for award in awards:
        key = f"badge_role_{award.key}"
        if settings.registry.find(FEATURE, key) is not None:
            role_id = settings.snowflake(FEATURE, key)
            if role_id is not None:
                found[award.key] = RoleId(role_id)
    return found


def chart(period: Period, awards: Sequence[Award], wins: Mapping[str, Win]) -> Chart:
    """The scores as a picture."""
    won = [award for award in awards if award.key in wins]
    return Chart(
        name=f"weekly-awards-{period.week_end}.png",
        title=f"Weekly awards, {period}",
        bars=tuple(
            Bar(award.label, metric, unit(award, metric), GOLD_BAR)
            for award in won
            for metric in [max(wins[award.key].metric, 0)]
        ),
        description=f"Bar chart of the winning scores. {in_words(awards, wins)}",
    )


class Computing:
    """Computes the weeks of one guild."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def run(self, period: Period, *, again: bool) -> WeekReport | None:
        """Compute a week; None where that was done and is not to be done ``again``.

        Raises what the host's commit raises.
        """
        report: WeekReport | None = None

        async def write(tx: Transaction) -> Sequence[Draft]:
            nonlocal report
            drafts, report = await self._compute(tx, period, again=again)
            return drafts

        await self._host.commit(write=write)
        return report

    async def where(self, week_id: int) -> Place | None:
        """Where a week was announced."""
        guild_id = self._host.guild_id
        week = await self._host.read(lambda tx: storage.week_of(tx, guild_id, week_id))
        return None if week is None else _place(week)

    async def _compute(
        self, tx: Transaction, period: Period, *, again: bool
    ) -> tuple[Sequence[Draft], WeekReport | None]:
        guild_id = self._host.guild_id
        week = await storage.week(tx, guild_id, period)
        if week.computed_at is not None and not again:
            return (), None
        awards, _ = awards_of(self._host.settings)
        before = await storage.results(tx, guild_id, week.id)
        wins = await self._wins(tx, period, awards)
        await storage.replace(tx, guild_id, week.id, wins, now=self._host.clock.now())
        drafts, outcome = await self._announce(tx, period, week, wins, before)
        drafts += await self._move(tx, week, wins)
        return drafts, WeekReport(
            week_id=week.id, period=period, awards=awards, wins=wins, outcome=outcome, place=_place(week)
        )

    async def _wins(self, tx: Transaction, period: Period, awards: Sequence[Award]) -> dict[str, Win]:
        best = {
            kind: await storage.winner(tx, self._host.guild_id, period, "", kind)
            for kind in {award.filter for award in awards}
        }
        return {
            award.key: attrs.evolve(win, award_key=award.key)
            for award in awards
            if (win := best[award.filter]) is not None
        }

    # -- the announcement

    async def _announce(
        self, tx: Transaction, period: Period, week: Week, wins: Mapping[str, Win], before: Mapping[str, Win]
    ) -> tuple[list[Draft], WeekOutcome]:
        told = await storage.announcements(tx, self._host.guild_id, FEATURE, week.id)
        is_pending = bool(told) and told[0].is_pending
        place = _place(week)
        if place is None:
            if is_pending:
                return [], WeekOutcome.POSTED
            if not wins:
                return [], WeekOutcome.NO_CANDIDATES
            channel_id = self._channel()
            if channel_id is None:
                return [], WeekOutcome.NO_CHANNEL
            post = await self._post(tx, channel_id, period, week.id, wins)
            return [post], WeekOutcome.POSTED
        if (told[0].digest if told else digest(before)) == digest(wins):
            return [], WeekOutcome.UNCHANGED
        edits = [] if is_pending else [await self._edit(tx, place, period, week.id, wins)]
        return edits, WeekOutcome.UPDATED

    def _channel(self) -> ChannelId | None:
        found = self._host.settings.snowflake(FEATURE, "weekly_award_channel_id")
        return None if found is None else ChannelId(found)

    def _message(self, period: Period, wins: Mapping[str, Win]) -> OutgoingMessage:
        guild = self._host.guilds.get(self._host.guild_id)
        name = safe_text(guild.name, 200) if guild is not None else ""
        awards, _ = awards_of(self._host.settings)
        embed = Embed(
            title=f"🏆 {name} \N{EM DASH} Weekly awards" if name else "🏆 Weekly awards",
            description=description(period, awards, wins),
            color=GOLD,
            footer=CONGRATULATIONS if wins else None,
        )
        return OutgoingMessage(embeds=(embed,))

    async def _post(
        self,
        tx: Transaction,
        channel_id: ChannelId,
        period: Period,
        week_id: int,
        wins: Mapping[str, Win],
    ) -> Draft:
        key = own_nonce = f"wk-{week_id}"
        if await storage.is_recorded(tx, self._host.guild_id, FEATURE, key):
            # Discord may still know the nonce of a message that was deleted since.
            key, own_nonce = await self._key(tx, key), ""
        awards, _ = awards_of(self._host.settings)
        return verbs.send_chart(
            key,
            channel_id,
            self._message(period, wins),
            chart(period, awards, wins),
            deadline_at=self._host.clock.now() + ANNOUNCED_WITHIN,
            about=_tells(period, week_id, wins),
            own_nonce=own_nonce,
        )

    async def _edit(
        self, tx: Transaction, place: Place, period: Period, week_id: int, wins: Mapping[str, Win]
    ) -> Draft:
        awards, _ = awards_of(self._host.settings)
        return verbs.edit(
            await self._key(tx, f"wk-{week_id}-edit"),
            place.channel_id,
            place.message_id,
            self._message(period, wins),
            chart(period, awards, wins) if wins else None,
            deadline_at=self._host.clock.now() + ANNOUNCED_WITHIN,
            about=_tells(period, week_id, wins),
        )

    async def _key(self, tx: Transaction, about: str) -> str:
        """The key of an effect that may have predecessors of its kind."""
        return f"{about}-{await storage.latest_effect(tx, self._host.guild_id, FEATURE)}"

    # -- roles

    def _moves(self, wins: Mapping[str, Win]) -> tuple[RoleMove, ...]:
        """Which roles the winners shall have, as the settings are now."""
        settings = self._host.settings
        awards, _ = awards_of(settings)
        return role_moves(awards, wins, badge_roles(settings, awards))

    async def _move(self, tx: Transaction, week: Week, wins: Mapping[str, Win]) -> list[Draft]:
        moves = self._moves(wins)
        if not moves or await storage.is_moving(tx, self._host.guild_id, FEATURE, week.id):
            return []
        return [
            move_roles(
                await self._key(tx, f"wk-{week.id}-roles"),
                moves,
                reason=REASON,
                deadline_at=self._host.clock.now() + MOVED_WITHIN,
                about={"part": PART, "moves": str(week.id)},
            )
        ]

    # -- what became of it

    async def on_done(self, tx: Transaction, effect: Effect) -> Sequence[Draft]:
        """An announcement was posted or brought up to date, or roles were moved."""
        week, wins = await self._stored(tx, effect)
        if week is None:
            return ()
        if effect.kind == MOVE_ROLES:
            return await self._move_again(tx, effect, week, wins)
        about, guild_id = effect.payload["about"], self._host.guild_id
        channel_id = ChannelId(effect.payload["channel_id"])
        period = completed(datetime.fromisoformat(about["end"]))
        message_id = await storage.message_of(tx, guild_id, effect.id)
        if message_id is None:
            target = self._channel() or channel_id
            return [await self._post(tx, target, period, week.id, wins)]
        if effect.kind == verbs.SEND_CHART:
            await storage.set_announced(
                tx,
                guild_id,
                week.id,
                now=self._host.clock.now(),
                channel_id=channel_id,
                message_id=message_id,
            )
        if about["digest"] == digest(wins):
            return ()
        return [await self._edit(tx, Place(channel_id, message_id), period, week.id, wins)]

    async def on_undone(self, tx: Transaction, effect: Effect) -> Sequence[Draft]:
        """Discord refused an announcement, which then goes to the system channel, or roles."""
        if effect.kind == MOVE_ROLES:
            week, wins = await self._stored(tx, effect)
            return () if week is None else await self._move_again(tx, effect, week, wins)
        guild = self._host.guilds.get(self._host.guild_id)
        system = None if guild is None else guild.system_channel_id
        suffix = ":system"
        if (
            effect.kind != verbs.SEND_CHART
            or effect.event_key.endswith(suffix)
            or system in (None, effect.payload["channel_id"])
            or self._host.clock.now() >= effect.deadline_at
        ):
            return ()
        return [
            Draft(
                kind=verbs.SEND_CHART,
                event_key=effect.event_key + suffix,
                payload={**effect.payload, "channel_id": system},
                deadline_at=effect.deadline_at,
                own_nonce=effect.nonce,
            )
        ]

    async def _stored(self, tx: Transaction, effect: Effect) -> tuple[Week | None, Mapping[str, Win]]:
        """The week that an effect is about, locked, and its results as they are stored now."""
        about = effect.payload["about"]
        week_id = int(about.get("tells") or about["moves"])
        week = await storage.week_of(tx, self._host.guild_id, week_id)
        return week, await storage.results(tx, self._host.guild_id, week_id)

    async def _move_again(
        self, tx: Transaction, effect: Effect, week: Week, wins: Mapping[str, Win]
    ) -> Sequence[Draft]:
        """Once more where the results, or the roles of the awards, have changed since."""
        if as_recorded(self._moves(wins)) == effect.payload["moves"]:
            return ()
        return await self._move(tx, week, wins)


def _tells(period: Period, week_id: int, wins: Mapping[str, Win]) -> dict[str, Any]:
    return {"part": PART, "tells": str(week_id), "digest": digest(wins), "end": period.end.isoformat()}


def _place(week: Week) -> Place | None:
    if week.announced_at is None or week.channel_id is None or week.message_id is None:
        return None
    return Place(week.channel_id, week.message_id)
