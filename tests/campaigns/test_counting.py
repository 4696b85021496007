"""Campaigns notice what engagement has counted too little or too often."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from tests.campaigns.counting import Counted, is_complete, problems
from tests.campaigns.plan import Kind, Plan, Say
from tests.campaigns.town import Town

if TYPE_CHECKING:
    from collections.abc import Callable

PLAN = Plan(
    kind=Kind.KILL,
    seed=1,
    guilds=1,
    channels=2,
    members=2,
    rules=(),
    acts=(Say(0, 0, 0, "one"), Say(0, 0, 0, "two"), Say(0, 1, 1, "three")),
)


def town(*, refuses: bool = False) -> Town:
    """Three messages, of which the second one is deleted."""
    found = Town(PLAN)
    found.refuses = refuses
    for act in PLAN.acts:
        assert isinstance(act, Say)
        found.say(act)
    second = found.said[1]
    found.world.messages.delete(found.application.id, found.place(second.act), second.message_id)
    return found


def good(where: Town) -> Counted:
    first, second = where.members
    return Counted(
        weekly=Counter(where.said[number].message_id for number in (0, 2)),
        challenge={(0, first): 2},
        streaks={(0, first): 1, (0, second): 1},
    )


async def test_what_is_as_it_must_be_passes() -> None:
    where = town()
    assert is_complete(where, good(where))


WRONG: dict[str, Callable[[Town], dict[str, Any]]] = {
    "2 messages are missing": lambda _where: {"weekly": Counter[int]()},
    "1 messages too many": lambda where: {"weekly": Counter(one.message_id for one in where.said)},
    "has 0 messages": lambda _where: {"challenge": {}},
    "has 3 messages": lambda where: {"challenge": {(0, where.members[0]): 3}},
    "has 1 messages": lambda where: {"challenge": {(0, where.members[0]): 2, (0, where.members[1]): 1}},
    "2 streaks are missing": lambda _where: {"streaks": {}},
    "2 streaks are wrong": lambda where: {"streaks": {(0, member): 3 for member in where.members}},
}


@pytest.mark.parametrize("told", WRONG)
async def test_what_is_wrong_is_told(told: str) -> None:
    where = town()
    found = list(problems(where, attrs.evolve(good(where), **WRONG[told](where))))
    assert len(found) == 1
    assert told in found[0]


async def test_a_deleted_message_may_be_lost_with_a_refused_session() -> None:
    where = town(refuses=True)
    counted = good(where)
    assert is_complete(where, counted)
    assert is_complete(where, attrs.evolve(counted, challenge={(0, where.members[0]): 1}))
    assert is_complete(where, attrs.evolve(counted, weekly=Counter(one.message_id for one in where.said)))
