"""Telling the log channel what its owner should look at: rules that cannot work, and premium that has ended.

A rule that cannot work is told of once in 24 hours (spec/moderation.md 5.4), which the operational events
know also after a restart; the end of premium once, when it is noticed (5.8). What is told is recorded in one
transaction with the record that it was, so that it is told once whatever the process dies of.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from alphapy.actors.automod.planning import ACT_WITHIN
from alphapy.actors.automod.rendering import fitting
from alphapy.actors.automod.reporting import inert
from alphapy.actors.effects import verbs
from alphapy.actors.embeds import Colour
from alphapy.actors.operational_events.messages import EventType
from alphapy.gateway.models.outgoing import Embed, OutgoingMessage
from alphapy.pure.automod.ruleset import RuleSet, State
from alphapy.pure.ids import ChannelId
from alphapy.storage import automod_reports as reports
from alphapy.storage import operational_events
from alphapy.storage.operational_events import EventRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.actors.automod.rulebook import Rulebook
    from alphapy.actors.journal import Journal
    from alphapy.actors.settings.snapshot import SettingsSnapshot
    from alphapy.pure.automod.rules import StoredRule
    from alphapy.pure.clock import Clock
    from alphapy.pure.ids import GuildId
    from alphapy.storage.effects import Draft
    from alphapy.storage.transaction import Transaction

AGAIN_AFTER = timedelta(hours=24)


class Notices:
    """See the module; :meth:`report` runs in the actor, where :meth:`wanted` says so."""

    def __init__(self, guild_id: GuildId, clock: Clock) -> None:
        self._guild_id = guild_id
        self._clock = clock
        self._seen: RuleSet | None = None
        self._told: dict[int, datetime] = {}

    def wanted(self, book: Rulebook) -> bool:
        """Whether there may be something to tell; looks only at rules that it has not seen."""
        if book.rules is self._seen:
            return False
        self._seen = book.rules
        return book.lapsed or bool(self._broken(book.rules))

    async def report(self, journal: Journal, book: Rulebook, settings: SettingsSnapshot) -> None:
        """Tell what is to be told, where auto-moderation is on and has a log channel."""
        channel_id = settings.snowflake("automod", "log_channel_id")
        wanted = settings.enabled("automod") and settings.value("automod", "log_actions")
        if channel_id is None or not wanted:
            return
        now = self._clock.now()
        broken = self._broken(book.rules)
        paused = [rule for rule in book.rules.rules if book.rules.state(rule) is State.PAUSED]
        lapsed = book.lapsed and bool(paused)

        async def tell(tx: Transaction) -> Sequence[Draft]:
            known = (
                await reports.degraded_since(tx, self._guild_id, since=now - AGAIN_AFTER) if broken else ()
            )
            news = [rule for rule in broken if rule.id not in known]
            embeds = [_broken_embed(news)] if news else []
            embeds += [_lapsed_embed(paused)] if lapsed else []
            await operational_events.insert_many(tx, self._events(news, paused if lapsed else (), now))
            return [
                verbs.send(
                    f"notice:{int(now.timestamp() * 1000)}:{number}",
                    ChannelId(channel_id),
                    OutgoingMessage(embeds=(embed,)),
                    deadline_at=now + ACT_WITHIN,
                    about={"step": "log", "keys": []},
                )
                for number, embed in enumerate(embeds)
            ]

        await journal.commit((), also=tell)
        self._told.update((rule.id, now) for rule in broken)
        book.lapsed = False

    def _broken(self, rules: RuleSet) -> list[StoredRule]:
        """The rules that are on, cannot work, and are not known to have been told of lately."""
        now = self._clock.now()
        self._told = {rule_id: at for rule_id, at in self._told.items() if now - at < AGAIN_AFTER}
        return [
            rule
            for rule in rules.rules
            if rule.enabled and rule.id not in self._told and rules.state(rule) is State.DEGRADED
        ]

    def _events(
        self, broken: Sequence[StoredRule], paused: Sequence[StoredRule], now: datetime
    ) -> list[EventRow]:
        found = [
            EventRow(
                EventType.COG_ERROR.value,
                self._guild_id,
                "auto-moderation: a rule cannot work",
                {reports.DEGRADED_RULE: rule.id},
                now,
            )
            for rule in broken
        ]
        if paused:
            found.append(
                EventRow(
                    EventType.SETTINGS_CHANGED.value,
                    self._guild_id,
                    "auto-moderation: premium has ended",
                    {"paused_rules": len(paused)},
                    now,
                )
            )
        return found


def _broken_embed(rules: Sequence[StoredRule]) -> Embed:
    what = "A rule cannot work" if len(rules) == 1 else f"{len(rules)} rules cannot work"
    advice = (
        "Their type or their patterns make no sense. Correct them with `/automod edit_rule`, or delete them."
    )
    return Embed(
        title=f"⚠️ {what}", description=f"{fitting(_lines(rules), 3000)}\n\n{advice}", color=Colour.WARNING
    )


def _lapsed_embed(rules: Sequence[StoredRule]) -> Embed:
    text = (
        "This server's premium has ended. These rules are paused, and go on by themselves once it is back:\n"
        f"{fitting(_lines(rules), 3000)}"
    )
    return Embed(title="⏸️ Rules are paused", description=text, color=Colour.WARNING)


def _lines(rules: Sequence[StoredRule]) -> list[str]:
    return [f"`#{rule.id}` **{inert(rule.name, 100)}**" for rule in rules]
