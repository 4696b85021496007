"""The plans: the same for the same seed, below the flood limit, and of every kind."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.campaigns.engine import TREE
from tests.campaigns.making import make
from tests.campaigns.model import MOST_PER_CHANNEL, answering, matches
from tests.campaigns.mutations import MUTATIONS, Mutation
from tests.campaigns.plan import (
    Confirmed,
    Kill,
    Kind,
    OnGateway,
    OnRest,
    Outage,
    Restart,
    Rule,
    Say,
    SlowDisk,
)


@pytest.mark.parametrize("kind", list(Kind))
def test_a_seed_always_makes_the_same_plan(kind: Kind) -> None:
    assert make(kind, 7, 5) == make(kind, 7, 5)
    assert make(kind, 7, 5) != make(kind, 8, 5)


@pytest.mark.parametrize("seed", range(5))
def test_no_channel_is_ever_flooded(seed: int) -> None:
    plan = make(Kind.KILL, seed, 10)
    answered: Counter[tuple[int, int]] = Counter()
    for act in plan.acts:
        if isinstance(act, Say) and answering((*plan.rules, *_added(plan.acts, act.guild)), act.content):
            answered[act.guild, act.channel] += 1
            assert act.channel < plan.channels
    assert answered.total() > 100
    assert max(answered.values()) == MOST_PER_CHANNEL


def _added(acts: tuple[object, ...], guild: int) -> list[Rule]:
    return [act.rule for act in acts if isinstance(act, Confirmed) and act.guild == guild]


def test_chaos_is_of_many_kinds() -> None:
    kinds = {type(blow) for seed in range(20) for blow in make(Kind.CHAOS, seed, 12).blows}
    assert kinds == {Kill, OnGateway, OnRest, Restart, Outage, SlowDisk}


@pytest.mark.parametrize("kind", [Kind.KILL, Kind.CHAOS])
def test_sessions_are_refused_in_most_rounds(kind: Kind) -> None:
    refusing = sum(make(kind, seed, 10).refuses_a_session for seed in range(20))
    assert refusing > 12


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_every_mutation_fits_the_source(mutation: Mutation) -> None:
    assert (TREE / mutation.file).read_text("utf-8").count(mutation.before) == 1


@pytest.mark.parametrize(
    ("kind", "trigger", "case_sensitive", "hit", "miss"),
    [
        ("exact", "Straße", False, "STRASSE", "STRASSE!"),
        ("exact", "!Hi", True, "!Hi", "!hi"),
        ("starts_with", "?ask", False, "?ASKING", " ?ask"),
        ("contains", "tea", False, "instead", "t e a"),
        ("regex", r"^\d+$", False, "123", "123a"),
        ("regex", "Tea", True, "my Tea", "my tea"),
    ],
)
def test_the_model_reads_the_specification(
    kind: str, trigger: str, case_sensitive: bool, hit: str, miss: str
) -> None:
    rule = Rule(name="r", kind=kind, trigger=trigger, words="", case_sensitive=case_sensitive)
    assert matches(rule, hit)
    assert not matches(rule, miss)
