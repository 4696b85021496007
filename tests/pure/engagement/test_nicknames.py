"""Nicknames that show a streak."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.pure.engagement.nicknames import (
    LONGEST,
    Names,
    Streak,
    base_name,
    has_suffix,
    render,
    restored,
    stripped,
    suffix,
)

ZWJ, VS = "\u200d", "\ufe0f"
days = st.integers(1, 2**31 - 1)
names = (
    st.text(
        st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from(" |🐣" + ZWJ + VS)), max_size=40
    )
    .map(str.strip)
    .filter(bool)
)


def shown_as(nick: str | None, username: str = "pixel_01", global_name: str | None = None) -> Names:
    return Names(nick=nick, global_name=global_name, username=username)


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (-1, ""),
        (0, ""),
        (1, "🐣 day 1"),
        (6, "🐣 day 6"),
        (7, "🔥 week 1"),
        (29, "🔥 week 4"),
        (30, "👑 month 1"),
        (59, "👑 month 1"),
        (60, "👑 month 2"),
        (364, "👑 month 12"),
    ],
)
def test_a_streak_is_shown_in_days_then_weeks_then_months(count: int, expected: str) -> None:
    assert suffix(count) == expected


@pytest.mark.parametrize(("count", "kept"), [(1, 22), (7, 21), (30, 20), (364, 19)])
def test_the_name_is_cut_and_the_suffix_never(count: int, kept: int) -> None:
    nick = render("A" * 32, count, "x")
    assert nick == "A" * kept + " | " + suffix(count)
    assert len(nick) == LONGEST


def test_a_cut_leaves_nothing_dangling() -> None:
    assert render("B" * 20 + "❤" + VS + "C" * 9, 1, "x") == "B" * 20 + "❤ | 🐣 day 1"
    assert render("B" * 20 + "👨" + ZWJ + "👩", 1, "x") == "B" * 20 + "👨 | 🐣 day 1"
    assert render("B" * 21 + " rest of it", 1, "x") == "B" * 21 + " | 🐣 day 1"
    assert render("B" * 20 + "❤" + VS, 1, "x") == "B" * 20 + "❤" + VS + " | 🐣 day 1"


def test_a_name_that_is_blank_gives_way_to_the_username() -> None:
    assert render("  ", 3, "pixel_01") == "pixel_01 | 🐣 day 3"
    assert render(ZWJ * 30, 3, "pixel_01") == "pixel_01 | 🐣 day 3"
    assert render("Pixel", 0, "pixel_01") == "Pixel"


@pytest.mark.parametrize(
    ("shown", "left"),
    [
        ("Pixel | 🐣 day 6", "Pixel"),
        ("Pixel|🔥 week 2", "Pixel"),
        ("Pixel   |   👑 month 12", "Pixel"),
        ("Pixel | 🐣 day 6 | 🔥 week 1", "Pixel"),
        ("| 🐣 day 6", ""),
        ("Pixel | 🐣 day 6!", "Pixel | 🐣 day 6!"),
        ("Pixel | 🐣 day ", "Pixel | 🐣 day "),
        ("Pixel | 🐣 day ٣", "Pixel | 🐣 day ٣"),
        ("Pixel | day 6", "Pixel | day 6"),
        ("Pixel 🐣 day 6", "Pixel 🐣 day 6"),
        ("Pixel | 🐣 day 6\n", "Pixel | 🐣 day 6\n"),
        ("Pixel | the | pipe", "Pixel | the | pipe"),
    ],
)
def test_every_suffix_at_the_end_is_removed(shown: str, left: str) -> None:
    assert stripped(shown) == left


def test_the_base_is_what_is_shown_without_a_suffix() -> None:
    assert base_name(shown_as(None), None) == "pixel_01"
    assert base_name(shown_as(None, global_name="Pixel"), None) == "Pixel"
    assert base_name(shown_as("Nick | 🐣 day 2", global_name="Pixel"), None) == "Nick"
    assert base_name(shown_as("New name | 🐣 day 6"), Streak(6, "Old name")) == "New name"


def test_a_name_that_is_nothing_but_suffix_gives_way_to_the_stored_base_then_to_the_username() -> None:
    assert base_name(shown_as("| 🐣 day 6"), Streak(6, "Pixel")) == "Pixel"
    assert base_name(shown_as("| 🐣 day 6"), Streak(6, None)) == "pixel_01"
    assert base_name(shown_as("| 🐣 day 6"), None) == "pixel_01"


def test_scenario_23_the_full_base_survives_a_broken_streak_that_is_resumed() -> None:
    base = "B" * 30
    shown = render(base, 45, "x")
    kept = base_name(shown_as(shown), Streak(45, base))
    assert kept == base
    again = render(kept, 1, "x")
    assert again == "B" * 22 + " | 🐣 day 1"
    assert len(again) <= LONGEST
    # The nickname of an earlier day, because the change to a later one never got through:
    assert base_name(shown_as(shown), Streak(1, base)) == base


@given(names, days, days, names)
def test_a_base_comes_back_out_of_its_rendering(base: str, shown: int, stored: int, username: str) -> None:
    nick = render(base, shown, username)
    assert base_name(shown_as(nick, username), Streak(stored, base)) == base


@given(names, days, names)
def test_a_rendering_fits_and_ends_in_its_suffix(base: str, count: int, username: str) -> None:
    nick = render(base, count, username)
    name, _, tail = nick.rpartition(" | ")
    assert len(nick) <= LONGEST
    assert tail == suffix(count)
    assert has_suffix(nick)
    assert name == base or base.startswith(name) or username.startswith(name)
    assert name == base or not name or name[-1] not in ZWJ + VS + " "


@given(names, days, days)
def test_removing_suffixes_removes_all_of_them(base: str, first: int, second: int) -> None:
    stacked = f"{base} | {suffix(first)}|{suffix(second)}"
    assert stripped(stacked) == stripped(base)
    assert stripped(stripped(stacked)) == stripped(stacked)


@pytest.mark.parametrize(
    ("nick", "global_name", "stored", "expected"),
    [
        ("Pixel | 🔥 week 1", None, "Pixel", "Pixel"),
        ("Pixel | 🔥 week 1", "Pixel", "Pixel", None),
        ("pixel_01 | 🔥 week 1", "Pixel", "pixel_01", None),
        ("B" * 21 + " | 🔥 week 1", None, "B" * 32, "B" * 32),
        ("Renamed | 🔥 week 1", None, "Pixel", "Renamed"),
        ("Pixel | 🔥 week 1", None, None, "Pixel"),
        ("| 🔥 week 1", None, None, None),
    ],
)
def test_scenario_24_the_base_is_given_back(
    nick: str, global_name: str | None, stored: str | None, expected: str | None
) -> None:
    assert restored(shown_as(nick, global_name=global_name), stored) == expected
