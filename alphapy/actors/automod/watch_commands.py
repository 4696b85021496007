"""``/automod``: looking at what happened, and trying a text (spec/moderation.md 4.3)."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from alphapy.actors.automod import option_defs as options
from alphapy.actors.automod import rendering
from alphapy.actors.automod.components import resolution
from alphapy.actors.automod.desk import Desk, refused
from alphapy.actors.automod.messages import (
    ForgetHistory,
    ReadHistory,
    ReadLogs,
    ReadStatistics,
    Resolve,
    TryText,
)
from alphapy.actors.embeds import Colour, notice
from alphapy.gateway.commands import Autocomplete, Choice, Command, Option, OptionKind
from alphapy.gateway.models.outgoing import Embed, OutgoingMessage
from alphapy.pure.automod.rules import MAX_RULE_ID
from alphapy.pure.ids import parse_snowflake
from alphapy.storage.automod_reports import LogFilter

if TYPE_CHECKING:
    from alphapy.gateway.invocation import Invocation

_MENTION = re.compile(r"<@!?(\d{1,20})>")
_MENTIONS = re.compile(r"<@[!&]?\d{1,20}>")
MOST_APPEALS = 25
DEFAULT_DAYS, DEFAULT_LIMIT = 7, 10
APPEALS_FOR = timedelta(days=365)


class WatchCommands:
    """The handlers."""

    def __init__(self, desk: Desk, suggest: Autocomplete) -> None:
        self._desk = desk
        self._suggest = suggest

    def commands(self) -> tuple[Command, ...]:
        """The declarations."""
        rule = Option(
            kind=OptionKind.INTEGER, name="rule_id", description="Which rule", autocomplete=self._suggest
        )
        decision = Option(
            kind=OptionKind.STRING,
            name="decision",
            description="What you decide",
            choices=(Choice(name="Approve", value="approve"), Choice(name="Deny", value="deny")),
        )
        user = Option(kind=OptionKind.USER, name="user", description="Who", required=True)
        return (
            Command(
                name="logs",
                description="List violations",
                handler=self._logs,
                options=(
                    options.whole("limit", "How many", 1, 25),
                    options.text("user_id", "A member's id or mention"),
                    rule,
                    options.ACTION,
                    options.whole("days", "How many days", 1, 90),
                ),
            ),
            Command(
                name="stats",
                description="Show figures",
                handler=self._stats,
                options=(options.whole("days", "How many days", 1, 90),),
            ),
            Command(
                name="history",
                description="Show, or reset, a member's history",
                handler=self._history,
                options=(user, options.flag("reset", "Forget it all")),
            ),
            Command(
                name="appeals",
                description="List appeals, or decide one",
                handler=self._appeals,
                options=(options.whole("log_id", "Which one", 1, MAX_RULE_ID), decision),
            ),
            Command(
                name="test",
                description="Show which rules a text would break, without acting",
                handler=self._test,
                options=(options.text("text", "The text", required=True, most=4000, least=1),),
            ),
        )

    async def _logs(self, invocation: Invocation) -> None:
        given = invocation.options
        days = given.integer("days", DEFAULT_DAYS)
        user_id = _user(given.text("user_id", None))
        rule_id = given.integer("rule_id", None)
        if rule_id is not None and not 1 <= rule_id <= MAX_RULE_ID:
            rule_id = 0  # which no rule has
        action = given.text("action_type", None)
        wanted = LogFilter(
            since=self._desk.clock.now() - timedelta(days=days),
            limit=given.integer("limit", DEFAULT_LIMIT),
            user_id=user_id,
            rule_id=rule_id,
            action=action,
        )
        filters = [f"last {days} days"]
        filters += [f"<@{user_id}>"] if user_id is not None else []
        filters += [f"rule `#{rule_id}`"] if rule_id is not None else []
        filters += [action.upper()] if action is not None else []
        rows = await self._desk.ask(invocation.guild_id, ReadLogs(wanted))
        if not rows:
            await invocation.reply(
                notice(Colour.INFO, "No violations", f"Nothing fits: {', '.join(filters)}.")
            )
            return
        lines = [f"*{', '.join(filters)}*", *map(rendering.log_line, rows)]
        embed = Embed(
            title="🛡️ Violations",
            description=rendering.fitting(lines),
            color=Colour.INFO,
            footer="Times are UTC, newest first",
        )
        await invocation.reply(OutgoingMessage(embeds=(embed,), ephemeral=True))

    async def _stats(self, invocation: Invocation) -> None:
        days = invocation.options.integer("days", DEFAULT_DAYS)
        found = await self._desk.ask(invocation.guild_id, ReadStatistics(days))
        await invocation.reply(
            OutgoingMessage(embeds=(rendering.statistics_embed(found, days),), ephemeral=True)
        )

    async def _history(self, invocation: Invocation) -> None:
        user = invocation.options.user("user")
        if invocation.options.boolean("reset", False):
            count = await self._desk.ask(invocation.guild_id, ForgetHistory(user.id))
            self._desk.audit(invocation, f"reset the history of <@{user.id}>")
            text = f"The history of <@{user.id}> is empty now" + (": it was before." if not count else ".")
            await invocation.reply(notice(Colour.SUCCESS, "History reset", text))
            return
        standing = await self._desk.ask(invocation.guild_id, ReadHistory(user.id))
        embed = rendering.history_embed(user.id, standing)
        await invocation.reply(OutgoingMessage(embeds=(embed,), ephemeral=True))

    async def _appeals(self, invocation: Invocation) -> None:
        log_id = invocation.options.integer("log_id", None)
        decision = invocation.options.text("decision", None)
        if (log_id is None) != (decision is None):
            raise refused(
                "Both or none",
                "To decide an appeal, give its number and a decision.",
                reason="half a decision",
            )
        if log_id is not None:
            resolved = await self._desk.ask(
                invocation.guild_id,
                Resolve(log_id=log_id, approve=decision == "approve", moderator_id=invocation.user_id),
            )
            await invocation.reply(resolution(self._desk, invocation, log_id, resolved))
            return
        wanted = LogFilter(
            since=self._desk.clock.now() - APPEALS_FOR, limit=MOST_APPEALS, appeal_status="pending"
        )
        rows = await self._desk.ask(invocation.guild_id, ReadLogs(wanted))
        if not rows:
            await invocation.reply(notice(Colour.INFO, "No appeals", "Nobody waits for a decision."))
            return
        embed = Embed(
            title="⚖️ Appeals",
            description=rendering.fitting([rendering.appeal_line(row) for row in rows]),
            color=Colour.INFO,
            footer="Decide with /automod appeals log_id decision",
        )
        await invocation.reply(OutgoingMessage(embeds=(embed,), ephemeral=True))

    async def _test(self, invocation: Invocation) -> None:
        text = invocation.options.text("text")
        mentions = len(set(_MENTIONS.findall(text)))
        found = await self._desk.ask(invocation.guild_id, TryText(text, mentions))
        await invocation.reply(
            OutgoingMessage(embeds=(rendering.rehearsal_embed(text, found),), ephemeral=True)
        )


def _user(text: str | None) -> int | None:
    """A member out of digits or a mention; raises Refused."""
    if text is None:
        return None
    mention = _MENTION.fullmatch(text.strip())
    user_id = parse_snowflake(mention[1] if mention is not None else text.strip())
    if user_id is None:
        raise refused("That is no member", "Give a member's id, or mention them.", reason="bad user id")
    return user_id
