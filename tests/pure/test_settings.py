"""Values of settings: strict in, tolerant out (spec/settings.md 2.1, 9)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.actors.settings.definitions import registry
from alphapy.pure.setting_types import SettingType
from alphapy.pure.settings import (
    UNDECODABLE,
    InvalidSetting,
    SettingDef,
    SettingFamily,
    SettingsRegistry,
    UndecodableSetting,
    UnknownSetting,
)


def make(type_: SettingType, **more: Any) -> SettingDef:
    return SettingDef(scope="demo", key="key", type=type_, default=None, meaning="a demonstration", **more)


BOOL, INT, FLOAT, STR, CHANNEL, IDS, JSON = (
    make(t)
    for t in (
        SettingType.BOOL,
        SettingType.INT,
        SettingType.FLOAT,
        SettingType.STR,
        SettingType.CHANNEL,
        SettingType.IDS,
        SettingType.JSON,
    )
)


@pytest.mark.parametrize(
    ("definition", "value", "stored"),
    [
        (BOOL, True, True),
        (BOOL, 1, True),
        (BOOL, " Yes ", True),
        (BOOL, "OFF", False),
        (INT, 5, 5),
        (INT, 5.0, 5),
        (INT, " -7 ", -7),
        (FLOAT, "0.5", 0.5),
        (FLOAT, 2, 2.0),
        (STR, "a\x00b", "ab"),
        (STR, "", ""),
        (CHANNEL, "111222333444555666", 111222333444555666),
        (CHANNEL, {"id": "7"}, 7),
        (CHANNEL, 0, None),
        (CHANNEL, "0", None),
        (CHANNEL, "", None),
        (BOOL, None, None),
        (IDS, ["1", 2], ["1", "2"]),
        (JSON, {"a": [1]}, {"a": [1]}),
    ],
)
def test_what_is_written_has_one_form(definition: SettingDef, value: object, stored: object) -> None:
    written = definition.canonical(value)
    assert written == stored
    assert type(written) is type(stored)


@pytest.mark.parametrize(
    ("definition", "value"),
    [
        (BOOL, "maybe"),
        (BOOL, 2),
        (BOOL, 0.0),
        (INT, True),
        (INT, 1.5),
        (INT, float("nan")),
        (INT, "twelve"),
        (INT, "9" * 40),
        (FLOAT, True),
        (FLOAT, "NaN"),
        (FLOAT, float("inf")),
        (FLOAT, [1]),
        (STR, 5),
        (STR, "x" * 4001),
        (CHANNEL, True),
        (CHANNEL, 1.0),
        (CHANNEL, "-5"),
        (CHANNEL, "+5"),
        (CHANNEL, "abc"),
        (CHANNEL, 2**63),
        (IDS, "1,2"),
        (IDS, ["x"]),
        (IDS, ["1"] * 51),
        (JSON, float("nan")),
        (JSON, {1, 2}),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(definition: SettingDef, value: object) -> None:
    with pytest.raises(InvalidSetting, match=r"demo\.key must be "):
        definition.canonical(value)


@pytest.mark.parametrize(
    ("definition", "stored", "value"),
    [
        (BOOL, "true", True),
        (BOOL, "on", True),
        (BOOL, "false", False),
        (BOOL, "anything else", False),
        (BOOL, 3, True),
        (INT, '"\\"123\\""', 123),
        (INT, "'123'", 123),
        (FLOAT, '"0.5"', 0.5),
        (STR, '"quoted"', '"quoted"'),
        (STR, 5, "5"),
        (STR, True, "true"),
        (CHANNEL, '"\\"1439387968321228800\\""', 1439387968321228800),
        (CHANNEL, 0, 0),
        (CHANNEL, "", 0),
        (IDS, [1, "2", "x", None], (1, 2)),
        (IDS, "[1, 2]", (1, 2)),
        (JSON, '{"a": 1}', {"a": 1}),
        (JSON, "{", "{"),
    ],
)
def test_what_earlier_programs_stored_is_understood(
    definition: SettingDef, stored: object, value: object
) -> None:
    assert definition.read(stored) == value


@pytest.mark.parametrize(
    ("definition", "stored"),
    [
        (BOOL, [True]),
        (INT, "not-an-int"),
        (FLOAT, {}),
        (STR, []),
        (CHANNEL, "not-an-int"),
        (CHANNEL, True),
        (IDS, 5),
    ],
)
def test_what_cannot_be_read_says_so(definition: SettingDef, stored: object) -> None:
    with pytest.raises(UndecodableSetting):
        definition.read(stored)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda c: st.lists(c) | st.dictionaries(st.text(), c),
        max_leaves=5,
    )
)
def test_any_value_is_stored_in_a_form_that_reads_back_or_refused(value: object) -> None:
    for definition in (BOOL, INT, FLOAT, STR, CHANNEL, IDS, JSON):
        try:
            written = definition.canonical(value)
        except InvalidSetting:
            continue
        if written is not None:
            stored = json.loads(json.dumps(written, allow_nan=False))
            read = definition.read(stored)
            assert (
                definition.canonical(list(read) if isinstance(read, tuple) else read) == written
                or definition is JSON
            )


@given(st.text(max_size=40))
def test_text_is_never_unwrapped(text: str) -> None:
    assert STR.read(text) == text


@pytest.mark.parametrize(
    ("scope", "key", "good", "bad"),
    [
        ("embedwatcher", "reminder_offset_minutes", (0, 4320), (-1, 4321)),
        ("gpt", "temperature", (0.0, 2.0), (-0.01, 2.01)),
        ("gpt", "model", ("grok-4", " grok-4 "), ("", "two words", "tick`", "x" * 101)),
        ("system", "log_level", ("verbose", "critical"), ("loud", "")),
        ("system", "audit_retention_days", (0, 7, 3650), (1, 6, 3651)),
        (
            "automod",
            "escalation",
            ([], [{"points": 3, "action": "warn"}]),
            (
                [{"points": 0, "action": "warn"}],
                [{"points": 3, "action": "warn"}, {"points": 3, "action": "ban"}],
                "x",
                [{"points": 1, "action": "dance"}],
            ),
        ),
        ("engagement", "weekly_food_channel_ids", ("", "1, 2"), ("one",)),
        ("verification", "reference_image_message_id", ("", "123"), ("12x",)),
        ("invites", "with_inviter_template", ("{member}", "x" * 1900), ("x" * 1901,)),
    ],
)
def test_bounds_of_registered_settings(
    scope: str, key: str, good: tuple[object, ...], bad: tuple[object, ...]
) -> None:
    definition = registry().definition(scope, key)
    for value in good:
        definition.canonical(value)
    for value in bad:
        if value == "" and definition.type is not SettingType.STR:
            continue
        with pytest.raises(InvalidSetting):
            definition.canonical(value)


def test_the_registry_has_the_scopes_and_defaults_of_the_specification() -> None:
    settings = registry()
    assert " ".join(settings.scopes()) == (
        "agents automod custom_commands embedwatcher engagement faq fyi gdpr gpt growth invites onboarding "
        "reminders rules system ticketbot verification"
    )
    off = {
        d.scope for s in settings.scopes() for d in settings.scope(s) if d.key == "enabled" and not d.default
    }
    assert off == {"agents", "automod"}
    assert settings.scope("reminders")[0].key == "enabled"
    assert registry(llm_provider="openai").definition("gpt", "model").default == "gpt-3.5-turbo"


def test_every_default_is_one_that_could_be_written() -> None:
    settings = registry()
    for scope in settings.scopes():
        for definition in settings.scope(scope):
            default = definition.default
            if default not in (None, ()):
                definition.canonical(default)


def test_a_key_is_registered_once_and_unknown_keys_are_errors() -> None:
    with pytest.raises(ValueError, match=r"demo\.key is registered twice"):
        SettingsRegistry((BOOL, INT))
    with pytest.raises(UnknownSetting, match=r"demo\.other is not a setting"):
        SettingsRegistry((BOOL,)).definition("demo", "other")


def test_undecodable_and_unknown_rows_spare_the_others() -> None:
    settings = registry()
    overrides, undecodable, unknown = settings.read_rows(
        [
            ("system", "log_channel_id", "not-an-int"),
            ("system", "rules_channel_id", 5),
            ("growth", "enabled", "false"),
            ("reminders", "enabled", None),
            ("nobody", "knows", 1),
            ("fyi", "first_tip_sent", True),
        ]
    )
    assert overrides == {("system", "rules_channel_id"): 5, ("growth", "enabled"): False}
    assert undecodable == ("system.log_channel_id",)
    assert unknown == 1


@pytest.mark.parametrize(
    ("type_", "stored"),
    [
        (SettingType.INT, 2**63),
        (SettingType.INT, '"' * 1_000_000),
        (SettingType.CHANNEL, "'" * 1_000_000),
        (SettingType.IDS, "[" * 100_000),
        (SettingType.JSON, UNDECODABLE),
        (SettingType.STR, UNDECODABLE),
    ],
)
def test_hostile_rows_cost_nothing_and_read_as_undecodable(type_: SettingType, stored: object) -> None:
    definition = SettingDef(scope="test", key="hostile", type=type_, default=None, meaning="")
    with pytest.raises(UndecodableSetting):
        definition.read(stored)


def test_what_postgresql_cannot_store_is_mended_or_refused() -> None:
    text = SettingDef(scope="test", key="text", type=SettingType.STR, default="", meaning="")
    assert text.canonical("a\ud800b\x00") == "a\ufffdb"
    anything = SettingDef(scope="test", key="json", type=SettingType.JSON, default=None, meaning="")
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    for value in (["\ud800"], deep, [float("nan")]):
        with pytest.raises(InvalidSetting):
            anything.canonical(value)


def test_a_step_of_the_escalation_may_hold_anything() -> None:
    escalation = registry().definition("automod", "escalation")
    with pytest.raises(InvalidSetting):
        escalation.canonical([{"points": 1, "action": ["warn"]}])


@pytest.mark.parametrize("key", ["with_inviter_template", "no_inviter_template"])
def test_a_blank_template_clears(key: str) -> None:
    template = registry().definition("invites", key)
    assert template.canonical(" \n ") is None
    assert template.canonical("") is None
    assert template.canonical(" {member} ") == " {member} "
    with pytest.raises(InvalidSetting):
        template.canonical("x" * 1901)


ROLES = SettingFamily(
    pattern=SettingDef(scope="game", key="role_", type=SettingType.ROLE, default=None, meaning="a role"),
    is_name=str.isalpha,
    most=2,
)


def test_a_family_has_settings_whose_names_a_guild_chooses() -> None:
    fixed = SettingDef(scope="game", key="role_fixed", type=SettingType.ROLE, default=None, meaning="x")
    registry = SettingsRegistry((fixed,), families=(ROLES,))
    found = registry.definition("game", "role_mine")
    assert (found.key, found.canonical(5)) == ("role_mine", 5)
    assert registry.definition("game", "role_fixed") is fixed
    for scope, key in (("game", "role_"), ("game", "role_5"), ("other", "role_mine"), ("game", "mine")):
        assert registry.find(scope, key) is None
    with pytest.raises(UnknownSetting):
        registry.definition("game", "role_5")
    overrides, undecodable, unknown = registry.read_rows(
        [("game", "role_a", 1), ("game", "role_5", 2), ("game", "role_b", "no id"), ("game", "role_fixed", 3)]
    )
    assert dict(overrides) == {("game", "role_a"): 1, ("game", "role_fixed"): 3}
    assert (undecodable, unknown) == (("game.role_b",), 1)
    assert [definition.key for definition in registry.chosen("game", overrides)] == ["role_a"]
    assert registry.scope("game") == (fixed,)


def test_a_family_is_bounded_in_each_guild() -> None:
    fixed = SettingDef(scope="game", key="role_fixed", type=SettingType.ROLE, default=None, meaning="x")
    registry = SettingsRegistry((fixed,), families=(ROLES,))
    full = {("game", "role_a"): 1, ("game", "role_b"): 2, ("game", "role_fixed"): 3}
    assert registry.surplus(registry.definition("game", "role_c"), full) == "one of at most 2 such settings"
    assert registry.surplus(registry.definition("game", "role_a"), full) is None
    assert registry.surplus(fixed, {**full, ("game", "role_fixed"): 1}) is None
    assert registry.surplus(fixed, {}) is None
    del full["game", "role_b"]
    assert registry.surplus(registry.definition("game", "role_c"), full) is None


def test_a_text_of_json_may_be_given_and_stored_as_json() -> None:
    awards = registry().definition("engagement", "weekly_award_configs")
    given_list = [{"key": "a", "label": "é"}]
    written = awards.canonical(given_list)
    assert written == '[{"key": "a", "label": "é"}]'
    assert awards.canonical("[]") == "[]"
    assert awards.read(given_list) == awards.read(written) == written
    with pytest.raises(InvalidSetting):
        awards.canonical(["x" * 30_000])
    with pytest.raises(InvalidSetting):
        awards.canonical([float("nan")])
    with pytest.raises(InvalidSetting):
        make(SettingType.STR).canonical([])
