"""What a custom command may be, and what changing one means (spec/moderation.md 4.4 and 7)."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.pure.custom_commands import (
    MAX_RESPONSE,
    MAX_TRIGGER,
    Amendment,
    CustomCommand,
    Flaw,
    FlawKind,
    TriggerType,
    amend_command,
    clean_name,
    flaw_of_texts,
    named,
)


def command(**changes: Any) -> CustomCommand:
    fields: dict[str, Any] = {
        "id": 1,
        "name": "hello",
        "trigger_type": "exact",
        "trigger": "!hello",
        "response": "hi",
        "enabled": True,
        "case_sensitive": False,
        "delete_trigger": False,
        "reply_to_user": True,
        "uses": 3,
        "created_by": 9,
        "revision": 0,
    }
    return CustomCommand(**fields | changes)


def test_a_name_is_found_in_any_case_and_the_exact_one_goes_first() -> None:
    upper, exact, spaced = command(id=1, name="HELLO"), command(id=2), command(id=3, name=" Bye ")
    assert named([upper, exact, spaced], " Hello ") is exact
    assert named([upper], "hello") is upper
    assert named([command(id=5, name="HELLO"), command(id=4, name="Hello")], "hello") == command(
        id=4, name="Hello"
    )
    assert named([spaced], "bye") is spaced
    assert named([spaced], "hello") is None


@given(st.lists(st.text(max_size=3), max_size=5), st.text(max_size=3))
def test_whoever_is_found_has_the_name(names: list[str], wanted: str) -> None:
    found = named([command(id=n, name=name) for n, name in enumerate(names)], wanted)
    has = [name for name in names if clean_name(name) == clean_name(wanted)]
    assert (found is None) == (not has)
    if found is not None:
        assert clean_name(found.name) == clean_name(wanted)


@pytest.mark.parametrize(
    ("kind", "trigger", "response", "flaw"),
    [
        ("exact", "", "r", FlawKind.TRIGGER),
        ("exact", "t" * (MAX_TRIGGER + 1), "r", FlawKind.TRIGGER),
        ("exact", "t", "", FlawKind.RESPONSE),
        ("exact", "t", "r" * (MAX_RESPONSE + 1), FlawKind.RESPONSE),
        ("regex", "(unclosed", "r", FlawKind.REGEX),
        ("exact", "(unclosed", "r", None),
        ("regex", "t+", "r", None),
    ],
)
def test_the_texts_of_a_new_command_are_judged(
    kind: str, trigger: str, response: str, flaw: FlawKind | None
) -> None:
    found = flaw_of_texts(kind, trigger, response)
    assert (None if found is None else found.kind) is flaw


def test_an_amendment_changes_what_it_names_and_nothing_else() -> None:
    assert Amendment().is_empty
    assert not Amendment(enabled=False).is_empty
    amended = amend_command(command(), Amendment(enabled=False, response="bye"))
    assert amended == attrs.evolve(command(), enabled=False, response="bye")


@pytest.mark.parametrize(
    ("amendment", "flaw"),
    [
        (Amendment(trigger_type=TriggerType.REGEX), FlawKind.REGEX),
        (Amendment(trigger=""), FlawKind.TRIGGER),
        (Amendment(response=""), FlawKind.RESPONSE),
        (Amendment(trigger="(", trigger_type=TriggerType.REGEX), FlawKind.REGEX),
        (Amendment(trigger="x", trigger_type=TriggerType.REGEX), None),
        (Amendment(enabled=False), None),
    ],
)
def test_the_pair_of_type_and_trigger_is_judged_as_it_will_be(
    amendment: Amendment, flaw: FlawKind | None
) -> None:
    found = amend_command(command(trigger="(unclosed"), amendment)
    assert (found.kind if isinstance(found, Flaw) else None) is flaw


def test_a_command_that_is_broken_can_still_be_switched_off() -> None:
    broken = command(trigger_type="regex", trigger="(unclosed")
    found = amend_command(broken, Amendment(enabled=False))
    assert isinstance(found, CustomCommand)
    assert not found.enabled
