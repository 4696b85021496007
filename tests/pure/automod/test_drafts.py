"""What may be written (spec/moderation.md 2.3, 2.4 and 4.3), and how points add up (5.6)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.pure.automod.drafts import (
    Rejected,
    action_changes,
    checked_action_config,
    checked_config,
    clean_rule_name,
    config_changes,
    split_patterns,
    split_words,
    unfitting,
)
from alphapy.pure.automod.points import Escalation, Record, Step, active_points, outranks
from alphapy.pure.automod.rules import ActionKind, RuleKind, points_of

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "patterns"),
    [
        ("a{1,3}b,foo", ["a{1,3}b", "foo"]),
        (r"a\,b, c", [r"a\,b", "c"]),
        ("[a,b],(c,d), ,e", ["[a,b]", "(c,d)", "e"]),
        ("[(,],x", ["[(,]", "x"]),
        ("", []),
        ("(", ["("]),
        (r"a\(,b", [r"a\(", "b"]),
    ],
)
def test_moderation_15_patterns_are_split_at_commas_outside_brackets(text: str, patterns: list[str]) -> None:
    assert split_patterns(text) == patterns


@given(st.text(max_size=50))
def test_splitting_loses_nothing_but_commas_and_spaces(text: str) -> None:
    def kept(part: str) -> str:
        return "".join(part.replace(",", "").split())

    assert kept("".join(split_patterns(text))) == kept(text)


def test_words_are_split_and_each_kept_once() -> None:
    assert split_words(" Tea, milk ,,TEA, hot milk") == ["tea", "milk", "hot milk"]
    assert split_words("Tea milk,tea", at_spaces=True) == ["tea", "milk"]


def test_a_config_is_stored_in_its_canonical_form() -> None:
    assert checked_config(RuleKind.FREQUENCY, {"max_messages": "7", "other": 1}) == {
        "spam_type": "frequency",
        "max_messages": 7,
        "other": 1,
    }
    assert checked_config(RuleKind.BAD_WORDS, {"words": "Tea milk"})["words"] == ["tea", "milk"]
    assert checked_config(
        RuleKind.LINKS, {"whitelist": ["HTTPS://www.Example.com:80/x", "*.bücher.example"]}
    )["whitelist"] == ["example.com", "xn--bcher-kva.example"]
    assert checked_config(RuleKind.REGEX, {"pattern": "x"}) == {"patterns": ["x"]}
    assert checked_config(RuleKind.CAPS, {"max_caps_ratio": 1})["max_caps_ratio"] == 1.0


@pytest.mark.parametrize(
    ("kind", "config", "words"),
    [
        (RuleKind.FREQUENCY, {"max_messages": 1}, "from 2 to 30"),
        (RuleKind.FREQUENCY, {"max_messages": True}, "from 2 to 30"),
        (RuleKind.FREQUENCY, {"max_messages": 2.5}, "whole number"),
        (RuleKind.FREQUENCY, {"max_messages": "many"}, "from 2 to 30"),
        (RuleKind.BAD_WORDS, {}, "one word"),
        (RuleKind.BAD_WORDS, {"words": [" "]}, "one word"),
        (RuleKind.BAD_WORDS, {"words": [1]}, "list of texts"),
        (RuleKind.BAD_WORDS, {"words": ["x" * 101]}, "at most 100"),
        (RuleKind.BAD_WORDS, {"words": [f"w{n}" for n in range(501)]}, "at most 500"),
        (RuleKind.BAD_WORDS, {"words": ["x"], "match": "?"}, "substring or word"),
        (RuleKind.LINKS, {"blacklist": ["nodot"]}, "not a domain: nodot"),
        (RuleKind.LINKS, {"blacklist": ["a..b"]}, "not a domain"),
        (RuleKind.LINKS, {"blacklist": [f"d{n}.example" for n in range(201)]}, "at most 200"),
        (RuleKind.LINKS, {"allow_links": "yes"}, "true or false"),
        (RuleKind.REGEX, {}, "one pattern"),
        (RuleKind.REGEX, {"patterns": ["(?=x)y"]}, "Invalid regex '(?=x)y'"),
        (RuleKind.REGEX, {"patterns": [".*"]}, "match every message"),
        (RuleKind.REGEX, {"patterns": ["x"] * 21}, "at most 20"),
        (RuleKind.AI, {"policy": " "}, "1 to 1000"),
        (RuleKind.AI, {"threshold": 0.4}, "from 0.5 to 1"),
    ],
)
def test_what_cannot_be_stored_is_refused(kind: RuleKind, config: dict[str, Any], words: str) -> None:
    with pytest.raises(Rejected) as refusal:
        checked_config(kind, config)
    assert words in str(refusal.value)


@pytest.mark.parametrize(
    "config",
    [
        {"duration_minutes": 0},
        {"duration_minutes": 40321},
        {"duration_minutes": "10"},
        {"delete_message_seconds": 604801},
        {"message": "x" * 1501},
        {"reason": 3},
        {"delete_message": 1},
        {"mute_role_id": "x"},
    ],
)
def test_what_an_action_cannot_be_told(config: dict[str, Any]) -> None:
    with pytest.raises(Rejected):
        checked_action_config(ActionKind.MUTE, config)


def test_an_action_is_stored_clean() -> None:
    assert checked_action_config(ActionKind.MUTE, {"mute_role_id": 5, "duration_minutes": None, "x": 1}) == {
        "mute_role_id": "5",
        "x": 1,
    }


def test_a_name_is_trimmed() -> None:
    assert clean_rule_name("  x ") == "x"
    for name in (" ", "x" * 101):
        with pytest.raises(Rejected):
            clean_rule_name(name)


def test_moderation_16_options_of_another_kind_are_listed() -> None:
    options = ("words", "blacklist", "max_messages", "duration_minutes")
    assert unfitting(RuleKind.FREQUENCY, ActionKind.WARN, options) == [
        "blacklist",
        "duration_minutes",
        "words",
    ]
    assert unfitting(RuleKind.FREQUENCY, ActionKind.MUTE, ("time_window_seconds", "duration_minutes")) == []
    assert unfitting(None, ActionKind.WARN, ("warn_text", "delete_message", "policy")) == ["policy"]


def test_changes_are_merged_by_key() -> None:
    assert config_changes(RuleKind.FREQUENCY, {"time_window_seconds": 30, "warn_text": "x"}) == {
        "time_window": 30
    }
    assert config_changes(RuleKind.LINKS, {"blacklist": " "}) == {"blacklist": []}
    assert config_changes(RuleKind.BAD_WORDS, {"words": "hot tea, x"}) == {"words": ["hot tea", "x"]}
    with pytest.raises(Rejected):
        config_changes(RuleKind.BAD_WORDS, {"words": " ,"})
    assert action_changes({"warn_text": "no", "words": "x"}) == {"message": "no"}


def test_points_of_a_severity() -> None:
    assert [points_of(severity) for severity in range(1, 11)] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


STEPS = Escalation.read(
    [
        {"points": 6, "action": "ban"},
        {"points": 3, "action": "timeout", "duration_minutes": 60},
        {"points": 2, "action": "warn"},
        {"points": 2, "action": "ban"},
        {"points": 0, "action": "warn"},
        {"points": 5, "action": "delete"},
        {"points": 4, "action": "?"},
        "x",
    ]
)


def test_moderation_21_a_step_fires_once_per_crossing() -> None:
    assert [step.points for step in STEPS.steps] == [2, 3, 6]
    crossed = STEPS.crossed(2, 3, premium=True)
    assert crossed == Step(points=3, action=ActionKind.TIMEOUT, minutes=60)
    assert outranks(crossed, ActionKind.DELETE)
    assert not outranks(crossed, ActionKind.BAN)
    assert STEPS.crossed(3, 4, premium=True) is None
    assert STEPS.crossed(2, 3, premium=False) is None
    assert STEPS.crossed(0, 9, premium=False) == Step(points=2, action=ActionKind.WARN)
    following = STEPS.next(3)
    assert following is not None
    assert following.points == 6
    assert STEPS.next(6) is None


def test_steps_are_added_replaced_and_removed() -> None:
    steps = STEPS.with_step(Step(points=3, action=ActionKind.MUTE))
    assert [step.action.value for step in steps.steps] == ["warn", "mute", "ban"]
    removed = steps.without(2)
    assert removed is not None
    assert removed.to_json() == [{"points": 3, "action": "mute"}, {"points": 6, "action": "ban"}]
    assert steps.without(99) is None
    assert Escalation.read(STEPS.to_json()) == STEPS


def test_points_are_forgotten_after_a_while() -> None:
    old = Record(rule_type="spam", violations=3, points=5, last_at=NOW - timedelta(days=31))
    new = Record(rule_type="content", violations=1, points=2, last_at=NOW)
    assert active_points([old, new], NOW, 30) == 2
    assert active_points([old, new], NOW, 0) == 7
