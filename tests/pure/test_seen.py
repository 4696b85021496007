"""What is known of messages that are dealt with: never less than before, exact among the recent ones."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from alphapy.pure.seen import KEPT, MOST, SECOND, WINDOW, Seen

IDS = st.integers(1, 60 * SECOND)
LISTS = st.lists(IDS, max_size=40)


@given(LISTS, LISTS)
def test_what_was_dealt_with_stays_so(first: list[int], second: list[int]) -> None:
    seen = Seen().plus(first)
    later = seen.plus(second)
    assert all(seen.has(one) for one in first)
    assert all(later.has(one) for one in first + second)
    assert later.floor >= seen.floor


@given(st.lists(IDS, min_size=1, max_size=40), IDS)
def test_a_recent_message_that_was_not_dealt_with_is_news(dealt: list[int], other: int) -> None:
    seen = Seen().plus(dealt)
    if other not in dealt and other > max(dealt) - WINDOW:
        assert not seen.has(other)
        assert not seen.has_live(other)


@given(LISTS, IDS)
def test_a_live_message_is_only_known_where_it_came_before(dealt: list[int], other: int) -> None:
    """However late it is: nothing was ever read back."""
    seen = Seen().plus(dealt)
    assert seen.has_live(other) is (other in seen.recent)


@given(LISTS, LISTS, LISTS)
def test_merging_is_in_no_order(a: list[int], b: list[int], c: list[int]) -> None:
    x, y, z = Seen().plus(a), Seen().plus(b, filled=max(b, default=0)), Seen.only(max(c, default=1))
    assert x.merged(y).merged(z) == z.merged(y.merged(x))
    assert x.merged(x) == x


def test_only_so_many_are_known_one_by_one() -> None:
    full = Seen().plus(range(1, MOST + 1))
    assert (len(full.recent), full.floor) == (MOST, 0)
    seen = full.plus([MOST + 1])
    assert (len(seen.recent), seen.floor) == (KEPT, MOST + 1 - KEPT)
    assert all(seen.has(one) for one in range(1, MOST + 2))
    assert not seen.has(MOST + 2)


def test_the_floor_is_raised_now_and_then() -> None:
    seen = Seen().plus([100 * SECOND])
    assert seen.floor == 90 * SECOND
    assert seen.plus([102 * SECOND]).floor == 90 * SECOND
    assert seen.plus([102 * SECOND + 1]).floor == 92 * SECOND + 1


@given(LISTS, LISTS)
def test_merging_with_what_came_later_changes_nothing(first: list[int], second: list[int]) -> None:
    seen = Seen().plus(first)
    assert seen.merged(seen.plus(second)) == seen.plus(second) == seen.plus(second).merged(seen)


def test_what_was_read_back_is_not_done_again_when_it_comes_live() -> None:
    seen = Seen().plus([5, 20 * SECOND], filled=20 * SECOND)
    assert seen.floor == 10 * SECOND
    assert seen.has_live(5)
    assert seen.has_live(10 * SECOND)
    assert not seen.has_live(11 * SECOND)
    newer = seen.plus([60 * SECOND])
    assert newer.has_live(20 * SECOND), "below the floor, and read back"
    assert not newer.has_live(21 * SECOND), "below the floor, but it can only have come live"


def test_one_alone_says_nothing_of_older_ones() -> None:
    assert not Seen.only(100 * SECOND).has(1)
    assert Seen().plus([]) == Seen()
