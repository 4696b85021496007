"""What the dashboard sees of stored settings (spec/api.md 7.7.4, spec/settings.md 7 and 10)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.actors.settings.definitions import registry as setting_registry
from alphapy.pure.setting_views import DASHBOARD_SCOPES, overrides, shown, was
from alphapy.pure.settings import UNDECODABLE

REGISTRY = setting_registry()


@pytest.mark.parametrize(
    ("scope", "key", "stored", "expected"),
    [
        ("reminders", "enabled", True, True),
        ("reminders", "enabled", " YES ", True),
        ("reminders", "enabled", "on", True),
        ("reminders", "enabled", "1", True),
        ("reminders", "enabled", "maybe", False),
        ("reminders", "enabled", 0, False),
        ("nobody", "knows_enabled", "true", True),
        ("nobody", "log_actions", "no", False),
        ("engagement", "streaks_nicknames", "true", True),
        ("gdpr", "channel_id", '"1439387968321228800"', "1439387968321228800"),
        ("gdpr", "channel_id", 1439387968321228800, "1439387968321228800"),
        ("gdpr", "channel_id", None, ""),
        ("gdpr", "channel_id", 5.0, "5"),
        ("gdpr", "channel_id", "not-an-id", "not-an-id"),
        ("gdpr", "channel_id", [1], [1]),
        ("verification", "reference_image_message_id", '"7"', "7"),
        ("engagement", "badge_role_og", 8, "8"),
        ("engagement", "badge_role_new", "'9'", "9"),
        ("engagement", "weekly_food_channel_ids", "1439387968321228800,1", "1439387968321228800,1"),
        ("embedwatcher", "reminder_offset_minutes", '"60"', 60),
        ("embedwatcher", "reminder_offset_minutes", "soon", "soon"),
        ("embedwatcher", "embed_watcher_offset_hours", "2", 2),
        ("gpt", "temperature", "0.5", 0.5),
        ("gpt", "max_tokens", "12", 12),
        ("gpt", "model", '"grok-4"', '"grok-4"'),
        ("automod", "exempt_role_ids", ["1", "2"], ["1", "2"]),
        ("automod", "escalation", [{"points": 1}], [{"points": 1}]),
    ],
)
def test_a_stored_value_comes_out_as_its_key_says(scope: str, key: str, stored: Any, expected: Any) -> None:
    found = shown(REGISTRY, scope, key, stored)
    assert (found, type(found)) == (expected, type(expected))


def test_only_scopes_of_the_dashboard_and_only_overrides_are_shown() -> None:
    rows = [
        ("system", "log_channel_id", 5),
        ("system", "log_level", None),
        ("system", "rules_channel_id", None),
        ("automod", "escalation", UNDECODABLE),
        ("fyi", "first_reminder", True),
        ("secrets", "token", "x"),
    ]
    found = overrides(REGISTRY, rows)
    assert tuple(found) == DASHBOARD_SCOPES
    assert {scope: values for scope, values in found.items() if values} == {
        "system": {"log_channel_id": "5", "rules_channel_id": ""},
        "fyi": {"first_reminder": True},
    }


def test_the_history_knows_values_that_are_none() -> None:
    assert was(REGISTRY, "system", "log_channel_id", None) is None
    assert was(REGISTRY, "system", "log_channel_id", UNDECODABLE) is None
    assert was(REGISTRY, "system", "log_channel_id", 5) == "5"


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
KEYS = [(scope, definition.key) for scope in REGISTRY.scopes() for definition in REGISTRY.scope(scope)]


@given(st.sampled_from(KEYS), JSON_VALUES)
def test_whatever_is_stored_can_be_shown_as_json(address: tuple[str, str], stored: Any) -> None:
    found = overrides(REGISTRY, [(*address, stored)])
    json.dumps(found, allow_nan=False)
