"""What the log channel is told: an embed for each violation, or one for a flood of them (pure).

A handful of violations get an embed each, with the rule, the evidence, how the action went, and a button that
undoes it. More than that become one summary: who, which rules, which channels, and what was done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from alphapy.actors.automod.planning import THROTTLED
from alphapy.actors.embeds import Colour
from alphapy.gateway.models.component import MAX_ROW_BUTTONS, ActionRow, Button
from alphapy.gateway.models.outgoing import Embed, EmbedField, OutgoingMessage
from alphapy.pure.ids import GuildId
from alphapy.pure.text import code_block, cut, escape_markdown, neutralise_mentions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from alphapy.storage.automod import Logged

ONE_BY_ONE = 10
"""Violations up to which each has an embed of its own."""

SHOWN = 200
"""Characters of a message that are shown."""

LISTED = 8
"""Members, rules and channels that a summary names."""

CHARACTERS = 5500
"""Of all embeds of a message, with room to spare below Discord's 6000."""

_STEPS = {
    "delete": "deleting the message",
    "warn": "warning the member",
    "mute": "muting the member",
    "timeout": "the timeout",
    "ban": "the ban",
}


@attrs.frozen
class Reporter:
    """Renders for one guild; ``undo_id`` gives the id of a button for a row of the log."""

    guild_id: GuildId
    undo_id: Callable[[int], str]

    def messages(self, rows: Sequence[Logged]) -> Iterator[OutgoingMessage]:
        """The messages that tell of these violations."""
        if len(rows) > ONE_BY_ONE:
            yield OutgoingMessage(embeds=(self.summary(rows),))
            return
        page: list[tuple[Logged, Embed]] = []
        for row in rows:
            embed = self.embed(row)
            if page and sum(known.size for _, known in page) + embed.size > CHARACTERS:
                yield self._message(page)
                page = []
            page.append((row, embed))
        if page:
            yield self._message(page)

    def _message(self, page: Sequence[tuple[Logged, Embed]]) -> OutgoingMessage:
        buttons = [
            Button(label="Undo" if len(page) == 1 else f"Undo #{row.id}", custom_id=self.undo_id(row.id))
            for row, _ in page
            if row.id
        ]
        rows = [
            ActionRow(tuple(buttons[start : start + MAX_ROW_BUTTONS]))
            for start in range(0, len(buttons), MAX_ROW_BUTTONS)
        ]
        return OutgoingMessage(embeds=tuple(embed for _, embed in page), components=tuple(rows))

    def embed(self, row: Logged) -> Embed:
        """One violation."""
        fields = [
            EmbedField("User", f"<@{row.user_id}>", True),
            EmbedField("Action", row.action_taken.upper(), True),
            EmbedField("Rule", rule_name(row), True),
            EmbedField("Channel", "Unknown" if row.channel_id is None else f"<#{row.channel_id}>", True),
        ]
        reason = str(row.meta.get("reason") or "")
        if reason:
            fields.append(EmbedField("Why", inert(reason, SHOWN)))
        if row.content:
            fields.append(EmbedField("Message Content", evidence(row.content)))
        trouble = results(row)
        if trouble:
            fields.append(EmbedField("Result", "\n".join(trouble)))
        number = "" if row.rule_id is None else f" · db #{row.rule_id}"
        log = f" · log #{row.id}" if row.id else ""
        return Embed(
            title="⚠️ Auto-moderation violation",
            color=Colour.WARNING,
            fields=tuple(fields),
            footer=f"Guild ID: {self.guild_id}{number}{log}",
            timestamp=row.at,
        )

    def summary(self, rows: Sequence[Logged]) -> Embed:
        """Many violations at once."""
        members = Counter(row.user_id for row in rows)
        failed = sum(any(state.startswith("failed") for state in row.steps.values()) for row in rows)
        fields = [
            EmbedField("Members", _counted((f"<@{user}>", n) for user, n in members.most_common())),
            EmbedField("Rules", _counted(Counter(map(rule_name, rows)).most_common())),
            EmbedField("Actions", _counted(Counter(row.action_taken.upper() for row in rows).most_common())),
            EmbedField(
                "Channels",
                _counted(
                    Counter(
                        "Unknown" if row.channel_id is None else f"<#{row.channel_id}>" for row in rows
                    ).most_common()
                ),
            ),
        ]
        if failed:
            fields.append(EmbedField("Result", f"❌ {failed:,} could not be carried out completely"))
        return Embed(
            title="🌊 Many violations at once",
            description=(
                f"**{len(rows):,}** violations by **{len(members):,}** "
                f"member{'' if len(members) == 1 else 's'}. `/automod logs` lists them one by one."
            ),
            color=Colour.WARNING,
            fields=tuple(fields),
            footer=f"Guild ID: {self.guild_id}",
            timestamp=rows[-1].at,
        )


def _counted(found: Iterable[tuple[str, int]]) -> str:
    items = list(found)
    lines = [f"{name} × {count:,}" for name, count in items[:LISTED]]
    if len(items) > LISTED:
        lines.append(f"and {len(items) - LISTED:,} more")
    return cut("\n".join(lines), 1000)


def rule_name(row: Logged) -> str:
    """The rule of a violation, as people read it."""
    if row.rule_name:
        return escape_markdown(cut(row.rule_name, 100))
    return f"Rule #{row.rule_id}" if row.rule_id is not None else "deleted rule"


def evidence(content: str) -> str:
    """A message as evidence: nobody is mentioned, and no link can be followed."""
    return code_block(defanged(neutralise_mentions(content)), SHOWN + 8)


def defanged(text: str) -> str:
    """The text with links that lead nowhere."""
    return text.replace("http", "hxxp").replace("HTTP", "HXXP").replace("Http", "Hxxp")


def inert(text: str, limit: int) -> str:
    """A line of text that mentions nobody, formats nothing and links to nothing."""
    return cut(escape_markdown(defanged(neutralise_mentions(" ".join(text.split())))), limit)


def results(row: Logged) -> list[str]:
    """What did not go as planned; nothing where everything did."""
    lines = []
    for step, state in row.steps.items():
        what = _STEPS.get(step, step)
        if state.startswith("failed"):
            lines.append(f"❌ {what}: {state.removeprefix('failed: ')}")
        elif state == THROTTLED:
            lines.append("⏳ not warned again: one warning in 30 seconds is enough")
        elif state == "no_mute_role":
            lines.append("❌ muting the member: there is no role for it, see `/automod set_mute_role`")
        elif state == "pending":
            lines.append(f"⏳ {what}: still being tried")
    return lines
