"""What the messages of a round must lead to."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import attrs

from tests.campaigns.model import answering, forbidden
from tests.campaigns.plan import Confirmed, Rule
from tests.campaigns.town import Said

if TYPE_CHECKING:
    from tests.campaigns.plan import Plan
    from tests.campaigns.town import Answer, Town


NOTICED = 5.0
"""Most seconds until the bot has noticed that the database is back."""


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


def violations(town: Town) -> list[Said]:
    """The messages that auto-moderation must delete, in their order."""
    return [said for said in town.said if forbidden(said.act.content)]


def is_beyond_recovery(said: Said, town: Town) -> bool:
    """Whether nobody can know of a violation any more, once all of three things have come together.

    It was deleted while the database was away, the bot was killed before it could be written down, and
    Discord refused to resume: the message is gone, and not told of again (docs/durability.md).
    """
    deleted = town.deleted.get(said.message_id)
    return (
        deleted is not None
        and any(outage.left <= deleted <= outage.back + NOTICED for outage in town.outages)
        and any(deleted <= killed for killed in town.kills)
        and town.refuses
    )


def unanswered_since(plan: Plan, town: Town) -> float | None:
    """When the oldest message was written that is not answered yet, as far as can be told."""
    given = Counter(map(key_of_answer, town.answers))
    for expected in expectations(plan, town):
        key = key_of(expected)
        if not given[key]:
            return expected.said.at
        given[key] -= 1
    return None


def key_of(expected: Expected) -> tuple[object, ...]:
    """What identifies an answer: a reply by what it answers, any other by where it stands."""
    rule, said = expected.rule, expected.said
    asked = said.message_id if rule.reply else 0
    return (expected.channel_id, asked, rule.name, expected.words)


def key_of_answer(answer: Answer) -> tuple[object, ...]:
    return (answer.channel_id, answer.reply_to or 0, answer.rule, answer.words)
