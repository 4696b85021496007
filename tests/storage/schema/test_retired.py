"""What retired settings become (spec/schema.md 5.3), whatever older writers stored."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.storage.evolution.errors import MigrationError
from alphapy.storage.evolution.retired import successor_of, unwrapped
from alphapy.storage.evolution.steps import legacy_guild

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize(
    ("stored", "minutes"),
    [
        (2, 120),
        ("2", 120),
        ('"2"', 120),
        ("'2'", 120),
        (1.5, 90),
        (0, 0),
        (72, 4320),
        (73, 4320),
        (-1, None),
        (True, None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        (None, None),
        ([2], None),
    ],
)
def test_hours_become_minutes_within_bounds(stored: object, minutes: int | None) -> None:
    successor = successor_of("embedwatcher", "embed_watcher_offset_hours", stored)
    assert (None if successor is None else successor.value) == minutes


@pytest.mark.parametrize("stored", [False, 0, "false", '"false"', "0", "disabled", " Disabled "])
def test_a_module_that_was_off_stays_off(stored: object) -> None:
    successor = successor_of("module_status", "faq", stored)
    assert successor is not None
    assert (successor.scope, successor.key, successor.value_type, successor.value) == (
        "faq",
        "enabled",
        "bool",
        False,
    )


@pytest.mark.parametrize("stored", [True, 1, "true", "enabled", None, {}])
def test_a_module_that_was_on_needs_no_successor(stored: object) -> None:
    assert successor_of("module_status", "faq", stored) is None


def test_what_had_no_successor_has_none() -> None:
    assert successor_of("module_status", "unheard_of", False) is None
    assert successor_of("system", "onboarding_channel_id", 9) is None


@given(JSON)
def test_any_stored_value_can_be_retired(stored: object) -> None:
    for scope, key in (("embedwatcher", "embed_watcher_offset_hours"), ("module_status", "faq")):
        successor = successor_of(scope, key, stored)
        assert successor is None or successor.value is False or 0 <= successor.value <= 4320  # type: ignore[operator]


@given(st.text(), st.integers(min_value=0, max_value=5))
def test_layers_of_quotes_come_off(text: str, layers: int) -> None:
    bare = unwrapped(text)
    wrapped: object = text
    for _ in range(layers):
        wrapped = f"'{wrapped}'"
    assert unwrapped(wrapped) == bare


@pytest.mark.parametrize(
    ("environment", "guild"),
    [
        ({}, 0),
        ({"LEGACY_GUILD_ID": "5", "MAIN_GUILD_ID": "6"}, 5),
        ({"LEGACY_GUILD_ID": "", "MAIN_GUILD_ID": "6"}, 6),
    ],
)
def test_the_legacy_guild_falls_back(environment: dict[str, str], guild: int) -> None:
    assert legacy_guild(environment) == guild


@pytest.mark.parametrize("text", ["-1", "mine", "٣", str(2**63)])
def test_a_legacy_guild_must_be_an_id(text: str) -> None:
    with pytest.raises(MigrationError, match="LEGACY_GUILD_ID"):
        legacy_guild({"LEGACY_GUILD_ID": text})
