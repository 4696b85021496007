"""What a feature says about itself."""

from __future__ import annotations

from typing import Any

import pytest

from alphapy.actors.feature import Category, Feature
from alphapy.actors.settings.definitions import registry
from alphapy.actors.settings.snapshot import SettingsSnapshot
from alphapy.pure.ids import GuildId

_REGISTRY = registry()


@pytest.mark.parametrize(
    ("scope", "flags", "settings", "listens"),
    [
        (None, (), {}, True),
        ("engagement", (), {}, True),
        ("engagement", (), {"enabled": False}, False),
        ("engagement", ("og_enabled", "weekly_enabled"), {}, False),
        ("engagement", ("og_enabled", "weekly_enabled"), {"weekly_enabled": True}, True),
        ("engagement", ("og_enabled",), {"weekly_enabled": True}, False),
        ("engagement", ("og_enabled",), {"og_enabled": True, "enabled": False}, False),
    ],
)
def test_who_is_told_of_events(
    scope: str | None, flags: tuple[str, ...], settings: dict[str, Any], *, listens: bool
) -> None:
    feature = Feature(name="engagement", category=Category("x", "x"), scope=scope, flags=flags)
    overrides = {("engagement", key): value for key, value in settings.items()}
    snapshot = SettingsSnapshot(GuildId(1), _REGISTRY, overrides, version=1, loaded_at=0.0)
    assert feature.listens_in(snapshot) is listens
