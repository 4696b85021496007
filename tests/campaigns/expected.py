"""What the messages of a round must lead to."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import attrs

from tests.campaigns.model import answering
from tests.campaigns.plan import Confirmed, Rule
from tests.campaigns.town import Said

if TYPE_CHECKING:
    from tests.campaigns.plan import Plan
    from tests.campaigns.town import Answer, Town

UNDER_WAY = 20.0
"""Seconds that a message may be under way while the database is slow or away."""

AROUND = 0.1
"""Seconds before and after the time between two sessions in which a message may have been under way."""


@attrs.frozen(kw_only=True)
class Expected:
    """A message that must be answered, by which rule; and how, in words, after the number of the use."""

    said: Said
    rule: Rule
    channel_id: int
    words: str


def expectations(plan: Plan, town: Town) -> list[Expected]:
    """What the messages said so far must lead to, in their order."""
    added: dict[int, list[Rule]] = {number: list(plan.rules) for number in range(plan.guilds)}
    later = {(act.guild, act.rule.name): act.rule for act in plan.acts if isinstance(act, Confirmed)}
    for (guild, _), rule in later.items():
        added[guild].append(rule)  # its trigger is said only once it is confirmed
    found = []
    for said in town.said:
        chosen = answering(added[said.act.guild], said.act.content)
        if chosen is not None:
            words = chosen.answer(town.author(said.act))
            found.append(Expected(said=said, rule=chosen, channel_id=town.place(said.act), words=words))
    return found


def due(plan: Plan, town: Town) -> list[Expected]:
    """The expectations, without those that nobody could fulfil and nobody did.

    Where Discord refuses to resume, what was written before the next session begins comes no more, nor does
    what was under way when the bot is killed afterwards. Until it is read back over REST, such a message may
    be answered once or not at all.
    """
    wanted = expectations(plan, town)
    if not town.refusals:
        return wanted
    lost = Counter(map(key_of, wanted)) - Counter(map(key_of_answer, town.answers))
    kept = []
    for expected in wanted:
        if lost[key_of(expected)] and _is_unreachable(expected.said.at, town):
            lost[key_of(expected)] -= 1
        else:
            kept.append(expected)
    return kept


def _is_unreachable(at: float, town: Town) -> bool:
    for since in town.refusals:
        until = next((gap.back for gap in town.gaps if gap.back > since), since)
        killed = any(since <= kill <= since + UNDER_WAY for kill in town.kills)
        if since - (UNDER_WAY if killed else AROUND) <= at <= until + AROUND:
            return True
    return False


def key_of(expected: Expected) -> tuple[object, ...]:
    """What identifies an answer: a reply by what it answers, any other by where it stands."""
    rule, said = expected.rule, expected.said
    asked = said.message_id if rule.reply else 0
    return (expected.channel_id, asked, rule.name, expected.words)


def key_of_answer(answer: Answer) -> tuple[object, ...]:
    return (answer.channel_id, answer.reply_to or 0, answer.rule, answer.words)
