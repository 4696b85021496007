"""Which custom command a message triggers."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.actors.custom_commands.triggers import Triggers, is_broken
from alphapy.pure.custom_commands import CustomCommand, clean_name, is_name

BASE = CustomCommand(
    id=1,
    name="hello",
    trigger_type="exact",
    trigger="!hello",
    response="Hi",
    enabled=True,
    case_sensitive=False,
    delete_trigger=False,
    reply_to_user=True,
    uses=0,
    created_by=None,
    revision=0,
)


def fires(content: str, **changes: Any) -> bool:
    return Triggers([attrs.evolve(BASE, **changes)]).first(content) is not None


@pytest.mark.parametrize(
    ("kind", "trigger", "content", "expected"),
    [
        ("exact", "!hello", "!HELLO", True),
        ("exact", "!hello", "!hello there", False),
        ("exact", "straße", "STRASSE", True),
        ("starts_with", "!roll", "!rolling", True),
        ("starts_with", "!roll", "a !roll", False),
        ("contains", "tea", "STEAM", True),
        ("contains", "tea", "coffee", False),
        ("regex", r"^!dice \d+$", "!DICE 20", True),
        ("regex", r"^!dice \d+$", "!dice many", False),
        ("regex", "(unclosed", "(unclosed", False),
        ("regex", "x*", "anything", False),
        ("exact", "", "", False),
        ("contains", "", "anything", False),
        ("soundex", "hello", "hello", False),
    ],
)
def test_each_type_matches_as_specified(kind: str, trigger: str, content: str, expected: bool) -> None:
    assert fires(content, trigger_type=kind, trigger=trigger) is expected


@pytest.mark.parametrize("kind", ["exact", "starts_with", "contains", "regex"])
def test_case_counts_where_the_command_says_so(kind: str) -> None:
    assert fires("Hello", trigger_type=kind, trigger="Hello", case_sensitive=True)
    assert not fires("hello", trigger_type=kind, trigger="Hello", case_sensitive=True)


def test_a_disabled_command_does_not_fire() -> None:
    assert not fires("!hello", enabled=False)
    assert not Triggers([attrs.evolve(BASE, enabled=False)])


def test_moderation_31_the_lowest_id_wins() -> None:
    five = attrs.evolve(BASE, id=5, name="five", trigger_type="contains", trigger="hello")
    three = attrs.evolve(BASE, id=3, name="three")
    found = Triggers([five, three]).first("!hello")
    assert found is not None
    assert found.command.name == "three"


def test_a_stored_pattern_that_cannot_be_compiled_is_flagged() -> None:
    assert is_broken(attrs.evolve(BASE, trigger_type="regex", trigger="(unclosed"))
    assert not is_broken(attrs.evolve(BASE, trigger_type="regex", trigger="closed"))
    assert not is_broken(attrs.evolve(BASE, trigger="(unclosed"))


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("hello", True),
        ("héllo wörld-2.0_x", True),
        ("", False),
        ("a" * 50, True),
        ("a" * 51, False),
        ("a/b", False),
    ],
)
def test_names_are_letters_digits_and_a_few_signs(name: str, allowed: bool) -> None:
    assert is_name(name) is allowed


@given(st.text())
def test_cleaning_a_name_twice_changes_nothing_more(name: str) -> None:
    assert clean_name(clean_name(name)) == clean_name(name)


@given(st.text(st.characters(codec=None), max_size=60), st.text(st.characters(codec=None), max_size=60))
def test_contains_agrees_with_folding_both_sides(content: str, trigger: str) -> None:
    expected = bool(trigger) and bool(content) and _fold(trigger) in _fold(content)
    assert fires(content, trigger_type="contains", trigger=trigger) is expected


def _fold(text: str) -> str:
    return "".join("\ufffd" if "\ud800" <= sign <= "\udfff" else sign for sign in text).casefold()
