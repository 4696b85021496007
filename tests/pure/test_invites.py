"""Which codes were used, what is said about a join, and what old announcements say."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.pure.invites import (
    LONGEST_TEXT,
    MOST_COUNTED,
    Code,
    Person,
    announced,
    announcement,
    highest,
    reckon,
    settle,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

MEMBER, INVITER = Person(id=40, name="Joan"), Person(id=50, name="Ada")


def codes(*found: Code) -> dict[str, Code]:
    return {code.code: code for code in found}


def abc(uses: int, max_uses: int = 0) -> Code:
    return Code(code="abc", inviter_id=50, uses=uses, max_uses=max_uses)


def names(found: tuple[Code | None, ...]) -> list[str | None]:
    return [None if code is None else code.code for code in found]


# -- reckoning


def test_engagement_32_a_code_whose_uses_have_grown_was_used() -> None:
    reckoned = reckon(codes(abc(3)), codes(abc(4)), joins=1)
    assert names(reckoned.joins) == ["abc"]
    assert reckoned.codes == codes(abc(4))
    assert not reckoned.waiting


def test_engagement_33_a_code_with_one_use_left_that_is_gone_was_used_up() -> None:
    reckoned = reckon(codes(abc(0, 1)), {}, joins=1, gone=["abc"])
    assert names(reckoned.joins) == ["abc"]
    assert reckoned.codes == {}


def test_two_who_use_up_a_code_together_are_both_its_own() -> None:
    assert names(reckon(codes(abc(3, 5)), {}, joins=2, gone=["abc"]).joins) == ["abc", "abc"]
    assert names(reckon(codes(abc(3, 5)), {}, joins=1, gone=["abc"]).joins) == [None]


def test_a_code_that_is_gone_explains_only_what_nothing_else_does() -> None:
    other = Code(code="other", inviter_id=51, uses=1)
    known = codes(abc(0, 1), Code(code="other", inviter_id=51))
    reckoned = reckon(known, codes(other), joins=1, gone=["abc"])
    assert names(reckoned.joins) == ["other"]
    assert reckoned.codes["abc"] == abc(0, 1), "it may still be needed"


def test_a_code_without_limit_that_is_gone_was_deleted() -> None:
    assert names(reckon(codes(abc(3)), {}, joins=1, gone=["abc", "unknown"]).joins) == [None]


def test_a_code_that_was_not_known_counts_for_nothing() -> None:
    reckoned = reckon({}, codes(abc(7)), joins=1)
    assert names(reckoned.joins) == [None]
    assert reckoned.codes == codes(abc(7))


def test_joins_take_credits_first_join_first_and_the_rest_waits() -> None:
    second = Code(code="def", inviter_id=51, uses=2)
    known = codes(abc(0), Code(code="def", inviter_id=51))
    reckoned = reckon(known, codes(abc(1), second), joins=1)
    assert names(reckoned.joins) == ["abc"]
    assert reckoned.waiting == {"def": 2}
    assert reckoned.codes["def"].uses == 0
    later = reckon(reckoned.codes, codes(abc(2), second), joins=3, waiting=reckoned.waiting)
    assert names(later.joins) == ["def", "def", "abc"]
    assert not later.waiting


def test_what_nobody_will_be_told_of_counts_all_the_same() -> None:
    reckoned = reckon(codes(abc(3)), codes(abc(6)), joins=1, is_late=True)
    assert names(reckoned.joins) == ["abc"]
    assert names(reckoned.unannounced) == ["abc", "abc"]
    assert reckoned.codes == codes(abc(6))


def test_a_list_that_is_behind_an_earlier_one_takes_nothing_back() -> None:
    reckoned = reckon(codes(abc(4)), codes(abc(3)), joins=1)
    assert names(reckoned.joins) == [None]
    assert reckoned.codes == codes(abc(4))
    assert names(reckon(reckoned.codes, codes(abc(4)), joins=1).joins) == [None]


def test_what_has_waited_long_enough_counts_once() -> None:
    settled = settle(codes(abc(3)), {"abc": 5, "gone": 9})
    assert names(settled.unannounced) == ["abc", "abc"]
    assert settled.codes == codes(abc(5))
    again = settle(settled.codes, {"abc": 5})
    assert not again.unannounced


@given(
    uses=st.lists(st.integers(0, 3), min_size=1, max_size=30),
    looks=st.sets(st.integers(0, 30), max_size=6),
)
def test_however_often_one_looks_each_use_is_credited_once(uses: list[int], looks: set[int]) -> None:
    known: Mapping[str, Code] = {
        str(number): Code(code=str(number), inviter_id=number) for number in range(4)
    }
    listed = dict(known)
    waiting: Mapping[str, int] = {}
    credited: Counter[str] = Counter()
    told = 0
    for place, number in enumerate(uses):
        before = listed[str(number)]
        listed[str(number)] = Code(code=before.code, inviter_id=number, uses=before.uses + 1)
        if place in looks or place == len(uses) - 1:
            # Those who joined are told of with a delay of one, until the end.
            joined = place if place < len(uses) - 1 else place + 1
            reckoned = reckon(known, listed, joins=joined - told, waiting=waiting)
            assert None not in reckoned.joins
            credited.update(code.code for code in reckoned.joins if code is not None)
            known, waiting, told = reckoned.codes, reckoned.waiting, joined
    assert credited == Counter(map(str, uses))
    assert not waiting
    assert known == listed


# -- what is said


def test_engagement_35_unknown_braces_stay_as_they_were_typed() -> None:
    assert announcement("{member_name} {foo} {count", MEMBER, INVITER, 3) == "Joan {foo} {count"


def test_the_five_tokens() -> None:
    template = "{member}|{member_name}|{inviter}|{inviter_name}|{count}"
    assert announcement(template, MEMBER, INVITER, 3) == "<@40>|Joan|<@50>|Ada|3"
    assert announcement(template, MEMBER, None, 3) == "<@40>|Joan|||0"


def test_what_is_filled_in_is_not_looked_at_again() -> None:
    joker = Person(id=40, name="{inviter} *@everyone* {0.__class__}")
    said = announcement("{member_name}", joker, INVITER, 1)
    assert said.startswith("{inviter} \\*@")
    assert "@everyone" not in said
    assert said.endswith("{0.\\_\\_class\\_\\_}")


@given(st.text(max_size=1900), st.text(max_size=100), st.integers(0, MOST_COUNTED))
def test_any_template_fits_a_message(template: str, name: str, count: int) -> None:
    said = announcement(template * 2, Person(id=1, name=name), INVITER, count)
    assert len(said) <= LONGEST_TEXT


# -- what was said before


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<@1> joined! <@2> now has 3 invites.", {2: 3}),
        ("Hey: <@!1> joined! <@!2> now has 1 invite. Welcome", {2: 1}),
        ("<@1> has been invited by <@2> and now has 30 invites.", {2: 30}),
        ("<@1> joined! <@2> now has 3 invites", {}),
        ("<@1> joined!  <@2> now has 3 invites.", {}),
        ("<@1> joined! <@&2> now has 3 invites.", {}),
        ("<@1> joined! <@2> now has ３ invites.", {}),
        ("<@1> joined! <@2> now has 1000001 invites.", {}),
        ("<@1> joined! <@2> now has 99999999999 invites.", {}),
        ("<@1> joined! <@0> now has 3 invites.", {}),
        ("<@1> joined! <@99999999999999999999> now has 3 invites.", {}),
        ("", {}),
    ],
)
def test_old_announcements(text: str, found: dict[int, int]) -> None:
    assert announced(text) == found


def test_the_highest_count_of_each_inviter_is_taken() -> None:
    texts = ["<@1> joined! <@2> now has 3 invites.", "hello", "<@4> joined! <@2> now has 2 invites."]
    assert highest(texts) == ({2: 3}, 2)


@given(st.integers(1, 2**63 - 1), st.integers(1, 2**63 - 1), st.integers(0, MOST_COUNTED))
def test_what_the_default_template_says_can_be_read_back(member: int, inviter: int, count: int) -> None:
    said = announcement(
        "{member} joined! {inviter} now has {count} invites.",
        Person(id=member, name="a"),
        Person(id=inviter, name="b"),
        count,
    )
    assert announced(said) == {inviter: count}
